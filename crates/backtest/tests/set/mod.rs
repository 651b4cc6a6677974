//! Files of a test, and what comes of them.
#![allow(dead_code, unreachable_pub)] // each test uses a part

use std::path::PathBuf;

use ascertain_backtest::report::{Method, Report};
use ascertain_backtest::{Error, Files, run};
use tempfile::TempDir;

/// A folder of input files, gone when the test ends.
pub struct Set {
    folder: TempDir,
    files: Files,
}

impl Set {
    /// A set with these claims.
    pub fn of(claims: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files {
            claims: folder.path().join("claims.csv"),
            out: Some(folder.path().join("posteriors.csv")),
            ..Files::default()
        };
        std::fs::write(&files.claims, claims).unwrap();
        Self { folder, files }
    }

    fn with(&self, name: &str, text: &str) -> Option<PathBuf> {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Some(file)
    }

    pub fn truth(mut self, text: &str) -> Self {
        self.files.truth = self.with("truth.csv", text);
        self
    }

    pub fn sources(mut self, text: &str) -> Self {
        self.files.sources = self.with("sources.csv", text);
        self
    }

    pub fn places(mut self, text: &str) -> Self {
        self.files.places = self.with("places.csv", text);
        self
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    pub fn run(&self) -> Result<Report, Error> {
        run(&self.files, &mut |_| ())
    }

    /// The report, and the probabilities as they were written.
    pub fn answers(&self) -> (Report, String) {
        let report = self.run().unwrap();
        let out = self.files.out.as_ref().unwrap();
        (report, std::fs::read_to_string(out).unwrap())
    }

    /// What keeps it from running, without the folder's name.
    pub fn mistake(&self) -> String {
        let text = match self.run() {
            Ok(_) => panic!("the files are usable"),
            Err(error) => error.to_string(),
        };
        let folder = format!("{}/", self.folder.path().display());
        text.replace(&folder, "")
    }

    /// How often something was noted.
    pub fn noted(&self, what: &str) -> u64 {
        let report = self.run().unwrap();
        let found = report.noted.iter().find(|(text, ..)| text.contains(what));
        let all: Vec<_> = report.noted.iter().collect();
        found.unwrap_or_else(|| panic!("no {what:?} in {all:?}")).1
    }
}

/// The method of a name.
pub fn method<'a>(report: &'a Report, name: &str) -> &'a Method {
    let found = report.methods.iter().find(|method| method.name == name);
    found.unwrap_or_else(|| panic!("no method {name}"))
}
