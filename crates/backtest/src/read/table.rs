//! Rows under named columns.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::bytes;
use crate::error::{Error, Mistakes};

/// Hands each row of a file to `take`: its line, counted from 1, and the cells of
/// `needed` and `optional` columns in this order, trimmed. A column that is not
/// there has empty cells. What `take` finds wrong is collected.
///
/// Returns the names of the columns that are not read, in lower case.
///
/// # Errors
/// [`Error::Input`] where the file cannot be read, lacks a needed column, has rows
/// of another length than its header, or `take` found a mistake.
pub(super) fn rows<const N: usize, const M: usize>(
    file: &Path,
    needed: [&str; N],
    optional: [&str; M],
    mut take: impl FnMut(u64, &[&str], &mut Mistakes),
) -> Result<Vec<String>, Error> {
    let text = bytes::read(file)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_slice());
    let mut lines = Lines::of(&text);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| {
        let read = reader.read_byte_record(record);
        read.map_err(|error| Mistakes::whole(file, format!("cannot be read: {error}")))
            .map(|there| there.then(|| lines.at(record)))
    };

    let Some(first_line) = next(&mut record)? else {
        let header = needed.join(",");
        return Err(Mistakes::whole(
            file,
            format!("is empty; the first line must name the columns: {header}"),
        ));
    };
    let header = header(file, first_line, &record)?;
    let columns = columns(file, first_line, &header, &needed, &optional)?;
    let mut mistakes = Mistakes::of(file);
    while let Some(line) = next(&mut record)? {
        if record.len() != header.len() {
            let what = format!(
                "has {} fields, but the first line names {} columns; give as many, and put quotes around commas that belong to a field",
                record.len(),
                header.len()
            );
            mistakes.add(line, what);
            continue;
        }
        match cells(&record, &header, &columns) {
            Ok(cells) => take(line, &cells, &mut mistakes),
            Err(what) => mistakes.add(line, what),
        }
    }
    mistakes.none()?;
    let read = |column: &usize| columns.contains(&Some(*column));
    let names = header.iter().enumerate();
    let others = names.filter(|(column, _)| !read(column));
    Ok(others.map(|(_, name)| name.clone()).collect())
}

fn header(file: &Path, line: u64, record: &ByteRecord) -> Result<Vec<String>, Error> {
    let names = record.iter().map(|cell| {
        let name = std::str::from_utf8(cell).map(|name| name.trim().to_lowercase());
        name.map_err(|_| {
            let mut mistakes = Mistakes::of(file);
            mistakes.add(line, "is not UTF-8; save the file as UTF-8");
            Error::Input(mistakes)
        })
    });
    names.collect()
}

/// Where each needed and optional column stands.
fn columns(
    file: &Path,
    line: u64,
    header: &[String],
    needed: &[&str],
    optional: &[&str],
) -> Result<Vec<Option<usize>>, Error> {
    let mut mistakes = Mistakes::of(file);
    let place = |name: &str| header.iter().position(|column| column == name);
    for name in needed.iter().chain(optional) {
        if header.iter().filter(|column| column == name).count() > 1 {
            mistakes.add(
                line,
                format!("names the column `{name}` twice; name it once"),
            );
        }
    }
    let missing: Vec<&str> = needed
        .iter()
        .filter(|name| place(name).is_none())
        .copied()
        .collect();
    if !missing.is_empty() {
        let commas = match header {
            [one] if one.contains([';', '\t', '|']) => "; fields are separated by commas",
            _ => "",
        };
        let what = format!(
            "the first line must name the columns {}; {} is missing, there are: {}{commas}",
            needed.join(", "),
            missing.join(", "),
            header.join(", ")
        );
        mistakes.add(line, what);
    }
    mistakes.none()?;
    Ok(needed
        .iter()
        .chain(optional)
        .map(|name| place(name))
        .collect())
}

fn cells<'a>(
    record: &'a ByteRecord,
    header: &[String],
    columns: &[Option<usize>],
) -> Result<Vec<&'a str>, String> {
    let cell = |column: &Option<usize>| {
        let Some(column) = *column else { return Ok("") };
        let text = std::str::from_utf8(&record[column]).map_err(|_| {
            let name = &header[column];
            format!("`{name}` is not UTF-8; save the file as UTF-8")
        })?;
        let text = text.trim();
        if text.contains(['\n', '\r', '\0']) {
            let name = &header[column];
            return Err(format!(
                "`{name}` runs over a line's end; a quote is not closed, or does not belong there"
            ));
        }
        Ok(text)
    };
    columns.iter().map(cell).collect()
}

/// Tells on which line a record begins. The reader's own count takes the blank
/// lines before a record for a part of it.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        let (at, line) = (0, 1);
        Self { text, at, line }
    }

    /// The line of a record that comes after the last one asked for.
    fn at(&mut self, record: &ByteRecord) -> u64 {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let start = start.min(self.text.len());
        let blank = self.text[start..].iter();
        let start = start + blank.take_while(|b| matches!(b, b'\n' | b'\r')).count();
        while self.at < start {
            let here = self.text[self.at];
            let then = self.text.get(self.at + 1);
            // A line ends with \n, \r\n or \r.
            if here == b'\n' || (here == b'\r' && then != Some(&b'\n')) {
                self.line += 1;
            }
            self.at += 1;
        }
        self.line
    }
}
