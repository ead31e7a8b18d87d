//! Lists by cursor: a page's bounds, and what leads to the next.

use super::problem::{Kind, Problem};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// A page, if not said, and at most.
const ITEMS: (u32, u32) = (20, 100);

/// A page of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// From 1 to 100; 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    pub after: Option<Uuid>,
}

impl Page {
    /// How many to ask the store for: one more than the page holds, so that it is known whether there is a next.
    pub fn asked(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(ITEMS.0) {
            limit @ 1.. if limit <= ITEMS.1 => Ok(limit + 1),
            _ => Err(Problem::new(Kind::BadRequest, "limit should be from 1 to 100")),
        }
    }
}

/// Of `found`, which holds up to `asked`, the page and the cursor to the next.
pub fn cut<T, I>(mut found: Vec<T>, asked: u32, id: impl Fn(&T) -> I) -> (Vec<T>, Option<I>) {
    let there_is_more = found.len() >= asked as usize;
    found.truncate(asked.saturating_sub(1) as usize);
    let next = found.last().filter(|_| there_is_more).map(id);
    (found, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_the_next_only_where_there_is_one() {
        let table = [(vec![9, 8, 7], Some(8)), (vec![9, 8], None), (vec![], None)];
        for (found, next) in table {
            let kept: Vec<i32> = found.iter().copied().take(2).collect();
            assert_eq!(cut(found, 3, |id| *id), (kept, next));
        }
    }

    #[test]
    fn a_page_has_bounds() {
        let asked = |limit| Page { limit, after: None }.asked().ok();
        let table = [
            (None, Some(21)),
            (Some(1), Some(2)),
            (Some(100), Some(101)),
            (Some(0), None),
            (Some(101), None),
        ];
        for (limit, expected) in table {
            assert_eq!(asked(limit), expected, "{limit:?}");
        }
    }
}
