//! Positions and candidates: what a tenant interviews for, and whom.

use super::{Candidate, CandidatePatch, Position, PositionPatch, Result, Tenant};
use crate::ids::{CandidateId, PositionId, TenantId};
use async_trait::async_trait;
use time::OffsetDateTime;

/// The tenant's own lists. Part of [`super::Store`], under its law.
#[async_trait]
pub trait People: Send + Sync + 'static {
    /// The tenant itself.
    async fn tenant(&self, tenant: TenantId) -> Result<Option<Tenant>>;

    /// A new position. Its id taken already: nothing is stored, and `Conflict`.
    async fn position_create(&self, tenant: TenantId, position: &Position, at: OffsetDateTime) -> Result<()>;
    /// A position of the tenant.
    async fn position(&self, tenant: TenantId, id: PositionId) -> Result<Option<Position>>;
    /// Positions of the tenant, newest first, after a cursor.
    async fn positions(&self, tenant: TenantId, limit: u32, after: Option<PositionId>) -> Result<Vec<Position>>;
    /// Changes what the patch names and answers the whole; None: there is no such position.
    async fn position_change(
        &self,
        tenant: TenantId,
        id: PositionId,
        patch: &PositionPatch,
    ) -> Result<Option<Position>>;

    /// A new candidate. Its id taken already: nothing is stored, and `Conflict`.
    async fn candidate_create(&self, tenant: TenantId, candidate: &Candidate, at: OffsetDateTime) -> Result<()>;
    /// A candidate of the tenant.
    async fn candidate(&self, tenant: TenantId, id: CandidateId) -> Result<Option<Candidate>>;
    /// Candidates of the tenant, newest first, after a cursor.
    async fn candidates(&self, tenant: TenantId, limit: u32, after: Option<CandidateId>) -> Result<Vec<Candidate>>;
    /// Changes what the patch names and answers the whole; None: there is no such candidate.
    async fn candidate_change(
        &self,
        tenant: TenantId,
        id: CandidateId,
        patch: &CandidatePatch,
    ) -> Result<Option<Candidate>>;
}
