//! The order of the conversation, from what each item says of the one before it.

use super::item::Item;
use super::response::Response;
use crate::realtime::event::Previous;
use std::collections::{BTreeMap, BTreeSet};

/// Ids of the items that have or may have an entry, in conversation order.
pub(super) fn ranked(items: &BTreeMap<String, Item>, responses: &BTreeMap<String, Response>) -> Vec<String> {
    let order = chain(items);
    order
        .into_iter()
        .filter(|id| items.get(*id).is_some_and(|item| item.is_ranked(responses)))
        .cloned()
        .collect()
}

/// All items, each after the one that it names. Siblings, and roots, by arrival; whose predecessor is unknown, or is in a
/// circle, comes at the end.
fn chain<'a>(items: &'a BTreeMap<String, Item>) -> Vec<&'a String> {
    let mut firsts: Vec<&String> = Vec::new();
    let mut strays: Vec<&String> = Vec::new();
    let mut after: BTreeMap<&str, Vec<&'a String>> = BTreeMap::new();
    for (id, item) in items {
        match &item.previous {
            Previous::First => firsts.push(id),
            Previous::After(previous) if previous != id && items.contains_key(previous) => {
                after.entry(previous).or_default().push(id);
            }
            Previous::After(_) | Previous::Unsaid => strays.push(id),
        }
    }
    let arrival = |id: &&String| items.get(*id).map_or(u64::MAX, |item| item.arrival);
    firsts.sort_by_key(arrival);
    strays.sort_by_key(arrival);
    for siblings in after.values_mut() {
        siblings.sort_by_key(arrival);
    }
    let mut order = Vec::with_capacity(items.len());
    let mut seen = BTreeSet::new();
    let mut walk = |root: &'a String| {
        let mut stack: Vec<&'a String> = vec![root];
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                order.push(id);
                stack.extend(after.get(id.as_str()).into_iter().flatten().rev().copied());
            }
        }
    };
    for root in firsts.into_iter().chain(strays) {
        walk(root);
    }
    let mut rest: Vec<&String> = items.keys().collect();
    rest.sort_by_key(arrival);
    for id in rest {
        walk(id); // Only what is in a circle is left.
    }
    order
}
