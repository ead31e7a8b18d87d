//! The transcript: entries whose ids are derived, so that however often one is written it is there once.
//!
//! **Law:** of one entry the highest revision stays; what a browser reported never takes a tapped entry's place.

use super::{Connection, ask, clean, missing, processes, rows};
use crate::ids::{SessionId, TenantId};
use crate::store::column::{At, Id};
use crate::store::{Entry, Hand, Result};
use std::collections::BTreeMap;

pub(super) async fn put(tx: &mut Connection, tenant: TenantId, entries: &[Entry]) -> Result<()> {
    for entry in entries {
        put_one(tx, tenant, entry).await?;
    }
    Ok(())
}

pub(super) async fn put_held(tx: &mut Connection, tenant: TenantId, entries: &[(Hand, Entry)]) -> Result<usize> {
    let mut refused = 0;
    let mut takings = BTreeMap::new();
    for (hand, entry) in entries {
        let taken = match takings.get(&(entry.session, hand.fence)) {
            Some(known) => *known,
            None => processes::newer_taking(tx, tenant, entry.session, hand.fence).await?,
        };
        takings.insert((entry.session, hand.fence), taken);
        if taken.is_some_and(|at| at < hand.at) {
            refused += 1;
        } else {
            put_one(tx, tenant, entry).await?;
        }
    }
    Ok(refused)
}

async fn put_one(tx: &mut Connection, tenant: TenantId, entry: &Entry) -> Result<()> {
    ask("INSERT INTO transcript_entries AS old
             (id, session_id, tenant_id, speaker, text, start_time, end_time, sequence_number, item_id,
              content_index, source, interrupted, heard_ms, heard_text, gap, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             speaker = excluded.speaker, text = excluded.text, start_time = excluded.start_time,
             end_time = excluded.end_time, sequence_number = excluded.sequence_number,
             item_id = excluded.item_id, content_index = excluded.content_index, source = excluded.source,
             interrupted = excluded.interrupted, heard_ms = excluded.heard_ms, heard_text = excluded.heard_text,
             gap = excluded.gap, revision = excluded.revision
         WHERE excluded.revision > old.revision AND excluded.session_id = old.session_id
           AND (excluded.source <> 'reported' OR old.source = 'reported')")
    .bind(Id(entry.id.0))
    .bind(Id(entry.session.0))
    .bind(Id(tenant.0))
    .bind(entry.speaker.word())
    .bind(clean(&entry.text))
    .bind(At(entry.start_time))
    .bind(entry.end_time.map(At))
    .bind(entry.sequence)
    .bind(clean(&entry.item_id))
    .bind(entry.content_index)
    .bind(entry.source.word())
    .bind(entry.interrupted)
    .bind(entry.heard_ms)
    .bind(entry.heard_text.as_deref().map(clean))
    .bind(entry.gap.as_deref().map(clean))
    .bind(entry.revision)
    .execute(&mut *tx)
    .await
    .map_err(missing("session"))?;
    Ok(())
}

pub(super) async fn read(
    tx: &mut Connection,
    tenant: TenantId,
    session: SessionId,
    with_reported: bool,
) -> Result<Vec<Entry>> {
    let rows = ask(
        "SELECT id, session_id, speaker, text, start_time, end_time, sequence_number, item_id, content_index,
                           source, interrupted, heard_ms, heard_text, gap, revision
                    FROM transcript_entries
                    WHERE tenant_id = $1 AND session_id = $2 AND ($3 OR source <> 'reported')
                    ORDER BY sequence_number, content_index, id",
    )
    .bind(Id(tenant.0))
    .bind(Id(session.0))
    .bind(with_reported)
    .fetch_all(tx)
    .await?;
    rows.iter().map(rows::entry).collect()
}
