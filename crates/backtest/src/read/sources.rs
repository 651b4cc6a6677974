//! What is known of sources: what they are, whom they lean to, how they report.

use std::collections::BTreeMap;
use std::path::Path;

use ascertain_domain::source::{Grade, Reporting, SourceKind};

use super::Noted;
use super::table::rows;
use crate::error::Error;

/// A source of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The name to show; empty if not given.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// The operators' prior: as given, else by kind.
    pub grade: Grade,
    /// What its silence means: as given, else by kind, else not known.
    pub reporting: Option<Reporting>,
    /// To whom it leans, in the file's words.
    pub aligned_with: String,
    /// How it stands to that side.
    pub stance: Stance,
}

/// How a source stands to the side that it is aligned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Speaks for it.
    Organ,
    /// Leans to it.
    Sympathetic,
    /// Leans against it.
    Opposed,
    /// Belongs to no side.
    Independent,
}

impl SourceRow {
    /// What is taken of a source of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            name: String::new(),
            kind: SourceKind::Aggregator,
            grade: Grade::C,
            reporting: None,
            aligned_with: String::new(),
            stance: Stance::Independent,
        }
    }

    /// Which of the sides the file's words name: that which they begin with, or
    /// hold as a word, or as the beginning of one (`pro-russian` names `russia`);
    /// of several the first named, of those the longest.
    pub(crate) fn side<'a>(&self, sides: &'a [String]) -> Option<&'a String> {
        let text = self.aligned_with.to_lowercase();
        let found = sides.iter().filter_map(|side| {
            let at = named_at(&text, &side.to_lowercase())?;
            Some((at, std::cmp::Reverse(side.len()), side))
        });
        found.min().map(|(.., side)| side)
    }
}

/// Where a text names a side.
fn named_at(text: &str, side: &str) -> Option<usize> {
    /// Shorter names are found as whole words only.
    const STEM: usize = 4;
    if side.is_empty() {
        return None;
    }
    text.match_indices(side).map(|(at, _)| at).find(|at| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = letter(text[..*at].chars().next_back());
        let after = letter(text[at + side.len()..].chars().next());
        !before && (!after || side.chars().count() >= STEM)
    })
}

/// The sources of a file, by id.
pub type Sources = BTreeMap<String, SourceRow>;

/// Reads a file with `id` and, if they are there,
/// `name,kind,aligned_with,grade,reporting,alignment`.
///
/// # Errors
/// [`Error::Input`] with the lines that cannot be used.
pub fn read(file: &Path, noted: &mut Noted) -> Result<Sources, Error> {
    let mut sources: BTreeMap<String, (u64, SourceRow)> = BTreeMap::new();
    rows(
        file,
        ["id"],
        [
            "name",
            "kind",
            "aligned_with",
            "grade",
            "reporting",
            "alignment",
        ],
        |line, cells, mistakes| match row(cells) {
            Ok((id, row)) => match sources.get(id) {
                Some((_, same)) if *same == row => noted.count("sources given twice alike"),
                Some((first, _)) => mistakes.add(
                    line,
                    format!("gives `{id}` again, other than line {first}; give each source once"),
                ),
                None => {
                    sources.insert(id.to_owned(), (line, row));
                }
            },
            Err(what) => mistakes.add(line, what),
        },
    )?;
    let rows = sources.into_iter();
    Ok(rows.map(|(id, (_, row))| (id, row)).collect())
}

fn row<'a>(cells: &[&'a str]) -> Result<(&'a str, SourceRow), String> {
    let [id, name, kind, aligned_with, grade, reporting, alignment] = *cells else {
        return Err("has no id".to_owned());
    };
    if id.is_empty() {
        return Err("`id` is empty; give each source one, as the claims name it".to_owned());
    }
    let Kind {
        kind,
        lists_changes,
        official,
    } = source_kind(kind);
    let stance = match stance_given(alignment)? {
        Some(stance) => stance,
        None => stance_of(aligned_with, official),
    };
    let aligned = matches!(
        stance,
        Stance::Organ | Stance::Sympathetic | Stance::Opposed
    );
    let row = SourceRow {
        name: name.to_owned(),
        kind,
        grade: match grade_given(grade)? {
            Some(grade) => grade,
            None => grade_of(kind, lists_changes, aligned),
        },
        reporting: match reporting_given(reporting)? {
            None if lists_changes => Some(Reporting::ChangesOnly),
            given => given,
        },
        aligned_with: aligned_with.to_owned(),
        stance,
    };
    Ok((id, row))
}

/// What the words of a file say of a source.
struct Kind {
    kind: SourceKind,
    /// Whether it is a list or a map that is kept up to date: what it says stands
    /// until it says something else.
    lists_changes: bool,
    /// Whether it speaks for its side.
    official: bool,
}

fn source_kind(text: &str) -> Kind {
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let says = |stems: &[&str]| words.iter().any(|w| stems.iter().any(|s| w.starts_with(s)));
    let word = |known: &[&str]| words.iter().any(|w| known.contains(w));
    if word(&["map", "maps", "list", "lists", "wiki"])
        || says(&["mapp", "track", "encyclop", "wikip", "atlas"])
    {
        return Kind {
            kind: SourceKind::Aggregator,
            lists_changes: true,
            official: false,
        };
    }
    let speaks = says(&["official", "govern", "minist"]);
    let kind = if says(&["imag", "satell", "sentinel"]) {
        SourceKind::Imagery
    } else if says(&["spokes", "army", "armed", "milit", "brigade", "command"]) {
        SourceKind::ArmedActorChannel
    } else if word(&["un", "ocha", "unosat"]) || text.contains("united nations") {
        SourceKind::Un
    } else if speaks || word(&["state", "party"]) || says(&["partisan"]) {
        SourceKind::StateMedia
    } else if says(&[
        "social", "telegram", "twitter", "eyewit", "witness", "blog", "resident",
    ]) {
        SourceKind::Eyewitness
    } else if says(&["newswire", "wire", "agenc"]) {
        SourceKind::Newswire
    } else if word(&["ngo"]) || says(&["nongov", "humanit"]) {
        SourceKind::Ngo
    } else if says(&["monitor", "observ"]) {
        SourceKind::Monitor
    } else if says(&["news", "media", "press", "broadcast", "journal", "radio"]) {
        SourceKind::Newsroom
    } else {
        SourceKind::Aggregator
    };
    Kind {
        kind,
        lists_changes: false,
        official: speaks || kind == SourceKind::ArmedActorChannel,
    }
}

const fn grade_of(kind: SourceKind, lists_changes: bool, aligned: bool) -> Grade {
    match kind {
        SourceKind::Imagery if !aligned => Grade::A,
        SourceKind::Imagery | SourceKind::Newswire | SourceKind::Un => Grade::B,
        SourceKind::Monitor | SourceKind::Ngo if !aligned => Grade::B,
        SourceKind::Aggregator if lists_changes => Grade::B,
        SourceKind::Monitor | SourceKind::Ngo | SourceKind::Newsroom | SourceKind::Aggregator => {
            Grade::C
        }
        SourceKind::StateMedia | SourceKind::ArmedActorChannel => Grade::D,
        SourceKind::Eyewitness => Grade::F,
    }
}

fn stance_of(aligned_with: &str, official: bool) -> Stance {
    let text = aligned_with.to_lowercase();
    let against = ["anti", "against", "opposed to", "hostile to", "critical of"];
    match text.as_str() {
        "" | "-" | "none" | "no" | "nobody" | "independent" | "neutral" | "unknown" => {
            Stance::Independent
        }
        text if against.iter().any(|word| text.starts_with(word)) => Stance::Opposed,
        _ if official => Stance::Organ,
        _ => Stance::Sympathetic,
    }
}

fn plain(text: &str) -> String {
    text.to_lowercase().replace(['-', ' '], "_")
}

fn stance_given(text: &str) -> Result<Option<Stance>, String> {
    Ok(Some(match plain(text).as_str() {
        "" => return Ok(None),
        "organ_of" | "organ" => Stance::Organ,
        "sympathetic" | "sympathetic_to" => Stance::Sympathetic,
        "opposed" | "opposed_to" => Stance::Opposed,
        "independent" | "none" | "unknown" => Stance::Independent,
        _ => {
            return Err(format!(
                "alignment `{text}` is none; give organ_of, sympathetic, opposed or independent, or nothing"
            ));
        }
    }))
}

fn grade_given(text: &str) -> Result<Option<Grade>, String> {
    Ok(Some(match text.to_uppercase().as_str() {
        "" => return Ok(None),
        "A" => Grade::A,
        "B" => Grade::B,
        "C" => Grade::C,
        "D" => Grade::D,
        "E" => Grade::E,
        "F" => Grade::F,
        _ => return Err(format!("grade `{text}` is none; give A to F, or nothing")),
    }))
}

fn reporting_given(text: &str) -> Result<Option<Reporting>, String> {
    Ok(Some(match plain(text).as_str() {
        "" | "undeclared" | "unspecified" | "unknown" => return Ok(None),
        "changes_only" | "changes" => Reporting::ChangesOnly,
        "episodic" => Reporting::Episodic,
        "snapshot" => Reporting::Snapshot,
        _ => {
            return Err(format!(
                "reporting `{text}` is none; give changes_only, episodic or snapshot, or nothing"
            ));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: &str, aligned_with: &str) -> SourceRow {
        row(&["s", "", kind, aligned_with, "", "", ""]).unwrap().1
    }

    #[test]
    fn kinds_are_read_by_their_words() {
        use SourceKind::{
            Aggregator, ArmedActorChannel, Eyewitness, Imagery, Monitor, Newsroom, Newswire, Ngo,
            StateMedia, Un,
        };
        for (text, kind, grade, reporting) in [
            (
                "crowd-encyclopedia",
                Aggregator,
                Grade::B,
                Some(Reporting::ChangesOnly),
            ),
            ("map", Aggregator, Grade::B, Some(Reporting::ChangesOnly)),
            (
                "conflict tracker",
                Aggregator,
                Grade::B,
                Some(Reporting::ChangesOnly),
            ),
            ("satellite imagery", Imagery, Grade::A, None),
            ("Army spokesman", ArmedActorChannel, Grade::D, None),
            ("ARMED_ACTOR_CHANNEL", ArmedActorChannel, Grade::D, None),
            ("UN agency", Un, Grade::B, None),
            ("state news agency", StateMedia, Grade::D, None),
            (
                "state-or-partisan media, second hand",
                StateMedia,
                Grade::D,
                None,
            ),
            ("defence ministry", StateMedia, Grade::D, None),
            ("social media", Eyewitness, Grade::F, None),
            ("news agency", Newswire, Grade::B, None),
            ("local NGO", Ngo, Grade::B, None),
            ("monitor", Monitor, Grade::B, None),
            ("newspaper", Newsroom, Grade::C, None),
            ("unsorted", Aggregator, Grade::C, None),
            ("", Aggregator, Grade::C, None),
        ] {
            let read = source(text, "");
            assert_eq!(
                (read.kind, read.grade, read.reporting),
                (kind, grade, reporting),
                "{text}"
            );
        }
        assert_eq!(source("monitor", "red").grade, Grade::C, "aligned");
    }

    #[test]
    fn a_side_is_named_as_a_word_or_as_the_beginning_of_one() {
        let sides = ["russia", "russia-dpr", "ukraine", "un"].map(str::to_owned);
        let named = |text: &str| source("monitor", text).side(&sides).map(String::as_str);
        assert_eq!(named("ukraine-leaning (Ukrainian origin)"), Some("ukraine"));
        assert_eq!(named("pro-Russian, against Ukraine"), Some("russia"));
        assert_eq!(named("russia-dpr"), Some("russia-dpr"), "the longer of two");
        assert_eq!(named("unclear"), None, "short names are whole words");
        assert_eq!(named("belarus"), None);
    }

    #[test]
    fn who_speaks_for_a_side_and_who_leans_to_it() {
        let stance = |kind: &str, aligned: &str| source(kind, aligned).stance;
        assert_eq!(stance("map", "none"), Stance::Independent);
        assert_eq!(stance("state media", "russia"), Stance::Sympathetic);
        assert_eq!(stance("official", "russia"), Stance::Organ);
        assert_eq!(stance("army spokesman", "russia"), Stance::Organ);
        assert_eq!(stance("monitor", "anti-russia"), Stance::Opposed);
    }
}
