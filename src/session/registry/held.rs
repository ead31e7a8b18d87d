//! A lease that this process has, given back once.

use super::super::Deps;
use crate::{
    ids::{SessionId, TenantId},
    store::Fence,
};
use std::time::Duration;

/// How long giving it back may take. Whoever wants it waits for as long as our heart beats.
const RELEASE_MAX: Duration = Duration::from_secs(2);

/// See the module. Dropped, it is given back beside.
pub(super) struct Held {
    inner: Option<Inner>,
    fence: Fence,
}

struct Inner {
    deps: Deps,
    tenant: TenantId,
    session: SessionId,
}

impl Held {
    pub(super) fn new(deps: Deps, tenant: TenantId, session: SessionId, fence: Fence) -> Self {
        Self {
            inner: Some(Inner { deps, tenant, session }),
            fence,
        }
    }

    pub(super) fn fence(&self) -> Fence {
        self.fence
    }

    pub(super) async fn release(mut self) {
        if let Some(inner) = self.inner.take() {
            inner.release(self.fence).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            let (tasks, fence) = (inner.deps.tasks.clone(), self.fence);
            tasks.spawn(async move { inner.release(fence).await });
        }
    }
}

impl Inner {
    /// Of another's since, it is not given back, and need not be.
    async fn release(self, fence: Fence) {
        let released = self.deps.store.lease_release(self.tenant, self.session, fence);
        match tokio::time::timeout(RELEASE_MAX, released).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(session.id = %self.session, %error, "a lease is given back with the process only");
            }
            Err(_) => tracing::warn!(session.id = %self.session, "a lease is given back with the process only"),
        }
    }
}
