//! Paging through very many states while they change: each place once, all of one view.
//!
//! ```text
//! cargo run --release -p ascertain-tests --example pages -- [PLACES]
//! ```
#![allow(clippy::print_stdout)] // a table is what it is for

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ascertain_client::Client;
use ascertain_proto::v1::{
    ApplyRegistryRequest, ListControlStatesRequest, Name, Place, PlaceKind, SummarizeAreaRequest,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Acked, Program, caught_up, live, stream};

const PLACES: usize = 100_000;
/// Places stated at once.
const AT_ONCE: usize = 5_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = std::env::args().nth(1).map(|text| text.parse());
    let count = asked.transpose()?.unwrap_or(PLACES);
    let data = tempfile::tempdir()?;
    let program = Program::start("ascertain", data.path(), &[], 3).await?;
    let client = Client::connect(&program.url())?;
    let mut scenario = Scenario::hama()?;
    scenario.registry.backfill = None;
    client.apply_registry(scenario.registry.clone()).await?;
    let stating = Instant::now();
    let places: Vec<Place> = (0..count).map(town).collect();
    for places in places.chunks(AT_ONCE) {
        let request = ApplyRegistryRequest {
            places: places.to_vec(),
            ..ApplyRegistryRequest::default()
        };
        client.apply_registry(request).await?;
    }
    caught_up(&client, &client).await?;
    println!("{count} places stated: {:.1?}", stating.elapsed());

    let summing = Instant::now();
    let patient = client.clone().with_deadline(Duration::from_secs(30));
    let summary = patient
        .summarize_area(SummarizeAreaRequest::default())
        .await?;
    println!(
        "{} places summed up: {:.1?}",
        summary.places,
        summing.elapsed()
    );

    let (going, told) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (goes_on, counting, writer) = (Arc::clone(&going), Arc::clone(&told), client.clone());
    let changing = tokio::spawn(async move {
        for round in 0.. {
            if !goes_on.load(Ordering::Relaxed) {
                break;
            }
            let more = live(&scenario, &format!("while {round}"), 20);
            stream(&writer, more, &Acked::default()).await?;
            counting.fetch_add(20, Ordering::Relaxed);
        }
        anyhow::Ok(())
    });
    let paging = Instant::now();
    let mut request = ListControlStatesRequest {
        page_size: 1_000,
        ..ListControlStatesRequest::default()
    };
    let (mut ids, mut times, mut pages) = (Vec::with_capacity(count), BTreeSet::new(), 0);
    loop {
        let page = client.list_control_states_page(request.clone()).await?;
        pages += 1;
        for state in page.states {
            let of = |time: Option<prost_types::Timestamp>| time.map(|time| time.to_string());
            times.insert((of(state.as_of), of(state.as_known_at)));
            ids.push(state.place_id);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let took = paging.elapsed();
    going.store(false, Ordering::Relaxed);
    changing.await.context("the writer")??;
    let once: BTreeSet<&String> = ids.iter().collect();
    let missed = places
        .iter()
        .filter(|place| !once.contains(&place.place_id));
    println!(
        "{} states in {pages} pages: {took:.1?}, while {} reports came",
        ids.len(),
        told.load(Ordering::Relaxed)
    );
    println!(
        "twice {}, missed {}, pairs of times {}",
        ids.len() - once.len(),
        missed.count(),
        times.len()
    );
    program.terminate()
}

fn town(n: usize) -> Place {
    Place {
        place_id: format!("town-{n:06}"),
        kind: PlaceKind::City.into(),
        parent_id: "hama-governorate".to_owned(),
        names: vec![Name {
            text: format!("Town {n}"),
            language: "en".to_owned(),
            ..Name::default()
        }],
        population: 1_000,
        ..Place::default()
    }
}
