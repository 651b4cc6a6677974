//! The three services, started and stopped as processes are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ascertain_ingest::{Ingest, Settings};
use ascertain_log::{LogReader, LogWriter};
use ascertain_query::Query;
use ascertain_reconcile::Reconcile;
use ascertain_runtime::machine::Stores;
use ascertain_runtime::tasks::TaskError;
use ascertain_runtime::{CommonArgs, Config, Health, Machine, Role, Shutdown, Tasks, blocking};
use ascertain_store::{MemoryMedium, Store, StoreOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::service::RoutesBuilder;

use super::chance::Chance;
use super::disk;
use super::log::FaultyLog;
use super::network::Port;

/// Place partitions; partition 0 comes beside them.
pub(crate) const PLACE_PARTITIONS: u32 = 2;
/// How long a drain may take.
const GRACE: Duration = Duration::from_secs(20);

/// The services, in the order of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Ingest,
    Reconcile,
    Query,
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::Ingest, Self::Reconcile, Self::Query];

    fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Reconcile => "reconcile",
            Self::Query => "query",
        }
    }
}

/// What is done to a running service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// It ends where it is, and its disk keeps what it likes of what was not synced.
    Crash,
    /// It is asked to end.
    Drain,
}

/// One deployment: two logs, three services.
pub(crate) struct World {
    pub(crate) chance: Arc<Chance>,
    pub(crate) reports: FaultyLog,
    pub(crate) states: FaultyLog,
    config: Config,
    seats: [Seat; 3],
}

/// Where a service runs, again and again.
struct Seat {
    disk: MemoryMedium,
    port: Port,
    role: Mutex<Option<Arc<dyn Role>>>,
    orders: mpsc::UnboundedSender<Order>,
    taken: Mutex<Option<mpsc::UnboundedReceiver<Order>>>,
}

/// A service that was started.
struct Started {
    tasks: Tasks,
    shutdown: Shutdown,
    routes: RoutesBuilder,
    role: Arc<dyn Role>,
}

impl World {
    pub(crate) fn new(
        chance: &Arc<Chance>,
        reports: FaultyLog,
        states: FaultyLog,
    ) -> anyhow::Result<Arc<Self>> {
        let args = CommonArgs {
            set: vec![format!("partitions={PLACE_PARTITIONS}")],
            ..CommonArgs::default()
        };
        let seat = || {
            let (orders, taken) = mpsc::unbounded_channel();
            let disk = MemoryMedium::new();
            disk::let_fail(&disk, chance);
            Seat {
                disk,
                port: Port::default(),
                role: Mutex::default(),
                orders,
                taken: Mutex::new(Some(taken)),
            }
        };
        Ok(Arc::new(Self {
            chance: Arc::clone(chance),
            reports,
            states,
            config: Config::load(&args, &BTreeMap::new())?,
            seats: [seat(), seat(), seat()],
        }))
    }

    fn seat(&self, service: Service) -> &Seat {
        let [ingest, reconcile, query] = &self.seats;
        match service {
            Service::Ingest => ingest,
            Service::Reconcile => reconcile,
            Service::Query => query,
        }
    }

    pub(crate) fn port(&self, service: Service) -> &Port {
        &self.seat(service).port
    }

    pub(crate) fn disk(&self, service: Service) -> &MemoryMedium {
        &self.seat(service).disk
    }

    /// The role of a service, while it runs.
    pub(crate) fn role(&self, service: Service) -> Option<Arc<dyn Role>> {
        let role = &self.seat(service).role;
        role.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_role(&self, service: Service, role: Option<Arc<dyn Role>>) {
        let slot = &self.seat(service).role;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = role;
    }

    /// Gives an order to whatever runs there.
    pub(crate) fn order(&self, service: Service, order: Order) {
        // Its supervisor lives as long as the world.
        let _ = self.seat(service).orders.send(order);
    }

    /// Lets a service run, and starts it again whenever it ends.
    pub(crate) fn supervise(self: &Arc<Self>, service: Service) -> JoinHandle<()> {
        let world = Arc::clone(self);
        tokio::spawn(async move {
            let taken = &world.seat(service).taken;
            let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(mut orders) = taken else { return };
            loop {
                let how = world.live(service, &mut orders).await;
                world.set_role(service, None);
                world.port(service).cut();
                world.after_end(service, how);
                let wait = Duration::from_millis(20) + world.chance.moment(400);
                tokio::time::sleep(wait).await;
            }
        })
    }

    /// One life of a service; says how it ended.
    async fn live(
        self: &Arc<Self>,
        service: Service,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> End {
        let name = service.name();
        let mut started = std::pin::pin!(self.start(service));
        let started = loop {
            tokio::select! {
                biased;
                order = orders.recv() => if order != Some(Order::Drain) {
                    return End::Crashed;
                },
                started = &mut started => break started,
            }
        };
        let Started {
            mut tasks,
            shutdown,
            routes,
            role,
        } = match started {
            Ok(started) => started,
            Err(error) => {
                let event = format_args!("{name} does not start: {error:#}");
                self.chance.event(event);
                return End::Failed;
            }
        };
        self.chance.operation("start of a service");
        self.chance.event(format_args!("{name} runs"));
        let (door, closing) = (self.port(service).clone(), shutdown.clone());
        tasks.front_door("port", async move {
            closing.draining().await;
            door.close();
            while !door.is_quiet() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        });
        self.port(service).open(routes.routes());
        self.set_role(service, Some(role));
        let running = shutdown.clone();
        let mut run = tokio::spawn(async move { tasks.run(&running, GRACE).await });
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Drain) => shutdown.begin("told to"),
                    Some(Order::Crash) | None => {
                        run.abort();
                        // Its tasks are gone when this is.
                        let _ = run.await;
                        return End::Crashed;
                    }
                },
                ended = &mut run => return match ended {
                    Ok(Ok(())) => End::Drained,
                    Ok(Err(error)) => {
                        let what = ascertain_runtime::status::chain(&error);
                        if matches!(error, TaskError::Panicked { .. } | TaskError::Overdue { .. }) {
                            self.chance.fail(format!("{name}: {what}"));
                        }
                        self.chance.event(format_args!("{name} fails: {what}"));
                        End::Failed
                    }
                    Err(error) => {
                        self.chance.fail(format!("{name}: {error}"));
                        End::Failed
                    }
                },
            }
        }
    }

    /// What becomes of a disk when its service ends.
    fn after_end(&self, service: Service, how: End) {
        let (disk, chance) = (self.disk(service), &self.chance);
        chance.event(format_args!("{} ended: {how:?}", service.name()));
        let lost = match how {
            End::Drained => 0,
            End::Failed | End::Crashed => chance.below(disk.unsynced() + 1),
        };
        if lost > 0 {
            chance.strikes("unsynced commits lost", 1000);
        }
        disk.crash(lost);
        if how != End::Drained && chance.strikes("bit flipped", chance.weather.machine / 8) {
            disk.damage(chance.bits());
        }
    }

    async fn start(self: &Arc<Self>, service: Service) -> anyhow::Result<Started> {
        let (mut tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let mut routes = RoutesBuilder::default();
        let machine = self.machine(service);
        let health = Health::new();
        let reports = Arc::new(self.reports.clone());
        let states = Arc::new(self.states.clone());
        let (config, owner) = (&self.config, &mut tasks);
        let role = match service {
            Service::Ingest => {
                let settings = Settings {
                    node: config.node.clone(),
                    max_message_bytes: config.limits.max_message_bytes,
                    max_batch_reports: config.limits.max_batch_reports,
                    backups: ascertain_ingest::backups_file(config),
                };
                let options = StoreOptions {
                    dir: "ingest".into(),
                    cache_bytes: 0,
                    schema: "ingest",
                    schema_version: 1,
                    min_free_bytes: config.limits.store_min_free_bytes(),
                };
                let open = Arc::clone(&machine.stores);
                let (store, _) = blocking(move || open(options)).await?;
                let log: Arc<dyn LogWriter> = reports;
                let started = Ingest::start(settings, log, store, &machine, owner, &shutdown).await;
                let ingest = started?;
                ingest.add_to(&mut routes);
                ingest.role()
            }
            Service::Reconcile => {
                let health = health.role(ascertain_reconcile::SERVICES).await;
                let followed: Arc<dyn LogReader> = reports;
                let started =
                    Reconcile::start(config, &machine, owner, &shutdown, health, followed, states);
                let reconcile = started.await?;
                reconcile.add_to(&mut routes);
                reconcile.role()
            }
            Service::Query => {
                let health = health.role(ascertain_query::SERVICES).await;
                let (reports, states): (Arc<dyn LogReader>, Arc<dyn LogReader>) = (reports, states);
                let started =
                    Query::start(config, &machine, owner, &shutdown, health, reports, states);
                let query = started.await?;
                query.add_to(&mut routes);
                query.role()
            }
        };
        Ok(Started {
            tasks,
            shutdown,
            routes,
            role,
        })
    }

    fn machine(&self, service: Service) -> Machine {
        let (time, salts) = (Arc::clone(&self.chance), Arc::clone(&self.chance));
        let disk = self.disk(service).clone();
        let stores: Stores = Arc::new(move |options| Store::open_in_memory(&disk, options));
        Machine {
            clock: Arc::new(move || time.now()),
            salts: Arc::new(move || salts.sixteen()),
            stores,
            ..Machine::real()
        }
    }

    /// The routes of a service are gone, and its disk with them.
    pub(crate) fn wipe(&self) {
        for service in Service::ALL {
            self.port(service).cut();
            self.set_role(service, None);
            self.disk(service).wipe();
        }
    }
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Drained,
    Failed,
    Crashed,
}
