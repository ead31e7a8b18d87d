//! The sample data into an empty database, all of it or none.

use super::{Backend, Connection, ask, people, sign_in};
use crate::ids::AccountId;
use crate::store::column::{At, Id};
use crate::store::{Error, Result, Scope, sample};

pub(super) async fn add(store: &Backend) -> Result<()> {
    let mut tx = store.write(Scope::Nobody).await?;
    if !people::none_yet(&mut tx).await? {
        return Err(Error::Conflict("the database is not empty"));
    }
    for tenant in sample::tenants() {
        Backend::rebind(&mut tx, tenant.tenant.id).await?;
        one(&mut tx, &tenant).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn one(tx: &mut Connection, sample: &sample::Sample) -> Result<()> {
    let tenant = Id(sample.tenant.id.0);
    let at = At(sample::MADE_AT);
    let made = ask("INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(tenant)
        .bind(sample.tenant.name.clone())
        .bind(at)
        .execute(&mut *tx)
        .await?;
    if made.rows_affected() == 0 {
        return Err(Error::Conflict("the database is not empty"));
    }
    ask("INSERT INTO tenant_users (tenant_id, user_id, role, created_at) VALUES ($1, $2, 'recruiter', $3)")
        .bind(tenant)
        .bind(Id(sample.recruiter))
        .bind(at)
        .execute(&mut *tx)
        .await?;
    sign_in::new_account(tx, AccountId(sample.recruiter), sample.email, sample::MADE_AT).await?;
    people::new_position(tx, sample.tenant.id, &sample.position, sample::MADE_AT).await?;
    people::new_candidate(tx, sample.tenant.id, &sample.candidate, sample::MADE_AT).await
}
