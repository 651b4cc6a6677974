//! A port of a service and the network before it: gRPC without sockets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle};
use tonic::service::Routes;
use tonic::{Code, Status};

use super::chance::Chance;

/// A call that takes longer, in the world's time, hangs: every wait of the services
/// is bounded far below.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// Where a service listens, while it does. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Port(Arc<Mutex<Listening>>);

#[derive(Default)]
struct Listening {
    routes: Option<Routes>,
    /// Requests under way, some of them done.
    handlers: Vec<AbortHandle>,
}

impl Port {
    pub(crate) fn open(&self, routes: Routes) {
        *self.listening() = Listening {
            routes: Some(routes),
            handlers: Vec::new(),
        };
    }

    /// No more requests are taken.
    pub(crate) fn close(&self) {
        self.listening().routes = None;
    }

    /// Every request under way ends where it is.
    pub(crate) fn cut(&self) {
        let mut listening = self.listening();
        listening.routes = None;
        listening.handlers.iter().for_each(AbortHandle::abort);
    }

    /// Whether no request is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.listening()
            .handlers
            .iter()
            .all(AbortHandle::is_finished)
    }

    fn handle<T: Send + 'static, F>(&self, request: impl FnOnce(Routes) -> F) -> Option<Reply<T>>
    where
        F: Future<Output = Result<T, Status>> + Send + 'static,
    {
        let mut listening = self.listening();
        let routes = listening.routes.clone()?;
        let handler = tokio::spawn(request(routes));
        listening.handlers.retain(|handler| !handler.is_finished());
        listening.handlers.push(handler.abort_handle());
        Some(handler)
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Reply<T> = JoinHandle<Result<T, Status>>;

/// Calls a service over the network. What the network does to a call is
/// UNAVAILABLE to its caller.
pub(crate) async fn call<T: Send + 'static, F>(
    chance: &Arc<Chance>,
    port: &Port,
    name: &'static str,
    request: impl Fn(Routes) -> F,
) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>> + Send + 'static,
{
    let often = chance.weather.network;
    let failed = |what: &str| Err(Status::unavailable(what));
    chance.operation(name);
    chance.delay(10).await;
    if chance.strikes("request lost", often) {
        return failed("the request was lost");
    }
    let Some(mut reply) = port.handle(&request) else {
        return failed("nobody listens");
    };
    if chance.strikes("request doubled", often) {
        let (chance, late) = (Arc::clone(chance), chance.happens(500));
        port.handle(|routes| {
            let again = request(routes);
            async move {
                if late {
                    chance.delay(40).await;
                }
                again.await
            }
        });
    }
    if chance.strikes("caller gone", often / 2) {
        chance.delay(20).await;
        reply.abort();
        return failed("the caller gave up");
    }
    let reply = match tokio::time::timeout(HANGS_AFTER, &mut reply).await {
        Err(_) => {
            let what = format!("{name} hangs");
            return Err(Status::new(Code::DeadlineExceeded, what));
        }
        Ok(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Ok(Err(_)) => return failed("the connection broke"),
        Ok(Ok(reply)) => reply,
    };
    if chance.strikes("reply lost", often) {
        return failed("the reply was lost");
    }
    chance.delay(10).await;
    reply
}
