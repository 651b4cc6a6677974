//! What befalls the machines of a world while its clients are at work.

use std::sync::Arc;
use std::time::Duration;

use super::world::{Order, Service, World};

/// Brings troubles one after the other, until the world calms down.
pub(crate) async fn befall(world: Arc<World>) {
    let chance = Arc::clone(&world.chance);
    loop {
        tokio::time::sleep(Duration::from_millis(100) + chance.moment(1_500)).await;
        if chance.is_calm() {
            return;
        }
        let often = chance.weather.machine;
        let Some(&service) = chance.pick(&Service::ALL) else {
            return;
        };
        match chance.below(8) {
            0..=2 if chance.strikes("crash of one", often) => world.order(service, Order::Crash),
            3 if chance.strikes("crash of all", often / 2) => {
                for service in Service::ALL {
                    world.order(service, Order::Crash);
                }
            }
            4..=5 if chance.strikes("drain of one", often) => world.order(service, Order::Drain),
            6 if chance.strikes("disk full", often) => {
                let world = Arc::clone(&world);
                world.disk(service).set_free_bytes(Some(0));
                tokio::spawn(async move {
                    world.chance.delay(4_000).await;
                    world.disk(service).set_free_bytes(None);
                });
            }
            7 if chance.strikes("bit flipped while open", often / 4) => {
                world.disk(service).damage(chance.bits());
            }
            _ => {}
        }
    }
}
