//! Files that operators bring along.

use std::path::Path;

use ascertain_backtest::Error;
use ascertain_backtest::read::{Claims, Noted, Timing, Truth, places, sources};
use ascertain_client::files::{FileError, registry, source_model, submissions};
use ascertain_client::json::{from_value, to_value};
use prost::Message;

use super::folder::scratch;

/// Reports in JSON, JSON Lines or YAML.
pub(super) fn report_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for submission in read(submissions(&text)).unwrap_or_default() {
        shown_and_read("ReportSubmission", &submission);
    }
}

/// Registry entries in JSON or YAML.
pub(super) fn registry_file(data: &[u8]) {
    if let Some(request) = read(registry(&String::from_utf8_lossy(data))) {
        shown_and_read("ApplyRegistryRequest", &request);
    }
}

/// A source model in JSON or YAML.
pub(super) fn model_file(data: &[u8]) {
    if let Some(model) = read(source_model(&String::from_utf8_lossy(data))) {
        shown_and_read("SourceModel", &model);
    }
}

fn read<T>(read: Result<T, FileError>) -> Option<T> {
    if let Err(error) = &read {
        assert!(!error.to_string().is_empty(), "refused without a word");
    }
    read.ok()
}

/// What can be shown is read as it was.
fn shown_and_read<M: Message + Default>(name: &str, message: &M) {
    // Times beyond the year 9999 have no text.
    if let Ok(value) = to_value(name, message) {
        let again: M = from_value(name, value).expect("what is shown is read");
        assert_eq!(again.encode_to_vec(), message.encode_to_vec());
    }
}

/// Claims for a backtest.
pub(super) fn backtest_claims(data: &[u8]) {
    csv(data, |file| {
        let claims = Claims::read(file, &mut Noted::default())?;
        assert!(!claims.claims.is_empty(), "no claim, and no mistake");
        let about = (0..)
            .zip(&claims.places)
            .map(|(place, _)| claims.about(place).len());
        assert_eq!(about.sum::<usize>(), claims.claims.len());
        for claim in &claims.claims {
            assert!((claim.source as usize) < claims.sources.len());
            assert!((claim.value as usize) < claims.values.len());
        }
        Ok(())
    });
}

/// The truth for a backtest.
pub(super) fn backtest_truth(data: &[u8]) {
    for timing in [Timing::Static, Timing::Timed] {
        csv(data, |file| {
            let truth = Truth::read(file, timing, &mut Noted::default())?;
            for stretches in truth.places.values() {
                for stretch in stretches {
                    assert!(stretch.from < stretch.until, "{stretch:?}");
                    assert!((stretch.value as usize) < truth.values.len());
                }
                assert!(stretches.windows(2).all(|two| two[0].until <= two[1].from));
            }
            Ok(())
        });
    }
}

/// Sources for a backtest.
pub(super) fn backtest_sources(data: &[u8]) {
    csv(data, |file| {
        let sides = ["russia".to_owned(), "ukraine".to_owned(), "é".to_owned()];
        for (id, row) in sources(file, &mut Noted::default())? {
            assert!(!id.is_empty());
            let _ = row.aligned_with.len();
            let _ = sides.iter().filter(|side| row.aligned_with.contains(*side));
        }
        Ok(())
    });
}

/// Places for a backtest.
pub(super) fn backtest_places(data: &[u8]) {
    csv(data, |file| {
        let read = places(file, &mut Noted::default())?;
        assert!(read.keys().all(|id| !id.is_empty()));
        Ok(())
    });
}

fn csv(data: &[u8], read: impl FnOnce(&Path) -> Result<(), Error>) {
    let folder = scratch();
    let file = folder.path().join("input.csv");
    std::fs::write(&file, data).expect("a file");
    if let Err(error) = read(&file) {
        // A mistake names its file, and says more than that.
        let told = error.to_string();
        assert!(told.contains("input.csv"), "{told}");
    }
}
