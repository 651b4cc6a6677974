//! Pages of lists: in the order of ids, with tokens that fit one request only.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use ascertain_proto::page::{bound, read_after, write_after};
use ascertain_proto::v1::Reason;
use tonic::Status;

use crate::error::Refusal;

/// Items a page where nothing is said.
const USUAL_SIZE: usize = 100;
/// The most items a page.
const MOST_SIZE: usize = 1_000;

/// A page of entities, and the token of the next; empty after the last. `request`
/// is what the list is of: a token fits no other.
pub(super) fn page<T: Clone>(
    entities: &BTreeMap<String, Arc<T>>,
    request: &str,
    (page_size, page_token): (i32, &str),
    shown: impl Fn(&str) -> bool,
) -> Result<(Vec<T>, String), Status> {
    let after = read(page_token, request)?;
    let size = match usize::try_from(page_size) {
        Ok(0) => USUAL_SIZE,
        Ok(size) => size.min(MOST_SIZE),
        Err(_) => {
            let what = "is negative; 0 is read as 100";
            return Err(Refusal::field("page_size", Reason::OutOfRange, what).into_status());
        }
    };
    let start = match &after {
        Some(after) => Bound::Excluded(after.as_str()),
        None => Bound::Unbounded,
    };
    let mut rest = entities
        .range::<str, _>((start, Bound::Unbounded))
        .filter(|(id, _)| shown(id));
    let mut items = Vec::new();
    let mut last = "";
    for (id, entity) in rest.by_ref().take(size) {
        items.push(T::clone(entity));
        last = id;
    }
    let next = rest
        .next()
        .map(|_| write_after(last, bound(request.as_bytes())))
        .unwrap_or_default();
    Ok((items, next))
}

fn read(token: &str, request: &str) -> Result<Option<String>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let after = read_after(token, bound(request.as_bytes()));
    after.map(Some).ok_or_else(|| {
        let what = "the page token is of another request; start at the first page";
        Refusal::field("page_token", Reason::PageTokenInvalid, what).into_status()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> BTreeMap<String, Arc<char>> {
        ('a'..='e').map(|c| (c.to_string(), Arc::new(c))).collect()
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_repetition() {
        let (mut token, mut seen) = (String::new(), Vec::new());
        loop {
            let (items, next) = page(&letters(), "letters", (2, &token), |_| true).unwrap();
            seen.extend(items);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(seen, ['a', 'b', 'c', 'd', 'e']);
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let (_, token) = page(&letters(), "letters", (2, ""), |_| true).unwrap();
        for (request, token) in [
            ("digits", token.as_str()),
            ("letters", "zz"),
            ("letters", "00"),
        ] {
            let status = page(&letters(), request, (2, token), |_| true).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
        }
    }

    #[test]
    fn a_page_that_ends_with_the_list_has_no_next() {
        let (items, next) = page(&letters(), "letters", (5_000, ""), |_| true).unwrap();
        assert_eq!((items.len(), next.as_str()), (5, ""));
        assert!(page(&letters(), "letters", (-1, ""), |_| true).is_err());
    }
}
