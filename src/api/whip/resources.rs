//! The WHIP sessions that live in this process: what each last agreed on.
//!
//! Is: a table, one resource an interview. Isn't: a leg. After a crash a resource is unknown (404), and the client posts
//! anew, as RFC 9725 has it.
//! **Law:** a resource that was replaced answers like one that never was, so that a client that was left behind cannot
//! close the leg of the one that came after it.

use crate::ids::{SessionId, TenantId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Resources(Arc<Mutex<BTreeMap<SessionId, Resource>>>);

/// One WHIP session.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// The last part of its address.
    pub(super) id: Uuid,
    /// Whose interview.
    pub(super) tenant: TenantId,
    /// Names its ICE generation; without quotes.
    pub(super) etag: String,
    /// The offer that was answered last.
    pub(super) offer: String,
}

impl Resources {
    /// A POST was answered. `is_live` says which interviews are still here: the others' resources are dropped.
    pub(super) fn put(&self, session: SessionId, resource: Resource, is_live: impl Fn(TenantId, SessionId) -> bool) {
        let mut all = self.lock();
        all.retain(|id, resource| is_live(resource.tenant, *id));
        all.insert(session, resource);
    }

    /// The resource of that address, if it is the interview's newest.
    pub(super) fn get(&self, session: SessionId, id: Uuid) -> Option<Resource> {
        self.lock().get(&session).filter(|resource| resource.id == id).cloned()
    }

    /// An ICE restart was answered. False if the resource was replaced in the meantime.
    pub(super) fn replace(&self, session: SessionId, resource: Resource) -> bool {
        let mut all = self.lock();
        let known = all.get_mut(&session).filter(|known| known.id == resource.id);
        known.map(|known| *known = resource).is_some()
    }

    /// A DELETE: true if there was such a resource.
    pub(super) fn remove(&self, session: SessionId, id: Uuid) -> bool {
        let mut all = self.lock();
        let is_known = all.get(&session).is_some_and(|resource| resource.id == id);
        is_known && all.remove(&session).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Resource>> {
        // A panic while it is held cannot leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn resource(etag: &str) -> Resource {
        Resource {
            id: Uuid::now_v7(),
            tenant: TenantId::new(),
            etag: etag.into(),
            offer: String::new(),
        }
    }

    #[test]
    fn a_resource_that_was_replaced_is_unknown() {
        let (resources, session) = (Resources::default(), SessionId::new());
        let (first, second) = (resource("1"), resource("2"));
        resources.put(session, first.clone(), |_, _| true);
        resources.put(session, second.clone(), |_, _| true);
        assert!(resources.get(session, first.id).is_none());
        assert!(!resources.remove(session, first.id));
        assert!(!resources.replace(session, first));
        assert!(resources.get(session, second.id).is_some_and(|found| found == second));
        assert!(resources.remove(session, second.id));
        assert!(!resources.remove(session, second.id), "deleted once");
    }

    #[test]
    fn resources_of_interviews_that_are_over_are_dropped() {
        let (resources, over) = (Resources::default(), SessionId::new());
        resources.put(over, resource("1"), |_, _| true);
        resources.put(SessionId::new(), resource("2"), |_, id| id != over);
        assert_eq!(resources.lock().len(), 1);
    }
}
