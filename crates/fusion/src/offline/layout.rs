//! The claims in an order of their own, so that the order they came in is gone.

use super::Problem;

/// Claims sorted by item, then source and value, each pointing to its *column*: what
/// its source says with this value. Tables are kept by column, so that a source with
/// few claims costs little however many values there are.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) items: usize,
    pub(crate) values: usize,
    /// Where the claims of each item begin in `columns`; one more at the end.
    pub(crate) item_starts: Vec<usize>,
    /// For each claim its column.
    pub(crate) columns: Vec<u32>,
    /// Where the columns of each source begin; one more at the end.
    pub(crate) source_starts: Vec<usize>,
    /// For each column its source.
    pub(crate) column_source: Vec<u32>,
    /// For each column its value.
    pub(crate) column_value: Vec<u32>,
}

impl Layout {
    /// Sorts; equal claims count once, claims outside of the problem's sizes not at all.
    pub(crate) fn new(problem: &Problem) -> Self {
        let inside = |claim: &&super::Claim| {
            (claim.item as usize) < problem.items
                && (claim.source as usize) < problem.sources
                && (claim.value as usize) < problem.values
        };
        let mut claims: Vec<(u32, u32, u32)> = problem
            .claims
            .iter()
            .filter(inside)
            .map(|claim| (claim.source, claim.value, claim.item))
            .collect();
        claims.sort_unstable();
        claims.dedup();

        let mut layout = Self {
            items: problem.items,
            values: problem.values,
            item_starts: vec![0; problem.items + 1],
            columns: vec![0; claims.len()],
            source_starts: vec![0; problem.sources + 1],
            column_source: Vec::new(),
            column_value: Vec::new(),
        };
        for (_, _, item) in &claims {
            layout.item_starts[*item as usize + 1] += 1;
        }
        for item in 0..problem.items {
            layout.item_starts[item + 1] += layout.item_starts[item];
        }
        let mut next = layout.item_starts.clone();
        let mut last = None;
        for (source, value, item) in claims {
            if last != Some((source, value)) {
                last = Some((source, value));
                layout.column_source.push(source);
                layout.column_value.push(value);
                layout.source_starts[source as usize + 1] += 1;
            }
            let place = &mut next[item as usize];
            layout.columns[*place] = (layout.column_source.len() - 1) as u32;
            *place += 1;
        }
        for source in 0..problem.sources {
            layout.source_starts[source + 1] += layout.source_starts[source];
        }
        layout
    }

    /// The columns of the claims on an item.
    pub(crate) fn on_item(&self, item: usize) -> &[u32] {
        &self.columns[self.claims(item)]
    }

    /// The numbers of the claims on an item.
    pub(crate) fn claims(&self, item: usize) -> std::ops::Range<usize> {
        self.item_starts[item]..self.item_starts[item + 1]
    }

    /// Number of claims on an item.
    pub(crate) fn count(&self, item: usize) -> usize {
        self.item_starts[item + 1] - self.item_starts[item]
    }

    /// Number of sources.
    pub(crate) fn sources(&self) -> usize {
        self.source_starts.len() - 1
    }

    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.column_value.len()
    }
}
