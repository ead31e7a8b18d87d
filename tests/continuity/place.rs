//! Where a row's relay runs: in this process, or in processes of their own.

use crate::{
    postgres::Server,
    relays::Relays,
    rows::{Fault, Row},
    stack::Stack,
};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};

/// Where the relay runs.
pub enum Place {
    /// In this process.
    Inside,
    /// In processes of their own, before a database of theirs.
    Beside {
        relays: Relays,
        database: Option<Arc<Server>>,
    },
}

impl Place {
    pub async fn of(row: &Row, defaults: Value) -> (Self, Stack) {
        let count = match row.fault {
            Fault::KilledAndBack | Fault::StoreStopped => 1,
            Fault::KilledForAnother | Fault::Terminated => 2,
            _ => return (Self::Inside, Stack::start(defaults, row.vars).await),
        };
        // a file is one process's; initdb takes a second or two
        let database = if row.fault == Fault::KilledAndBack {
            None
        } else {
            Some(Arc::new(tokio::task::spawn_blocking(Server::start).await.unwrap()))
        };
        let url = database.as_ref().map(|server| server.database());
        let (relays, stack) = Relays::start(count, defaults, row.vars, url.as_deref()).await;
        (Self::Beside { relays, database }, stack)
    }

    /// HTTP of the first, and UDP of all.
    pub fn addresses(&self, stack: &Stack) -> (SocketAddr, Vec<SocketAddr>) {
        match self {
            Self::Inside => (stack.relay().http, vec![stack.relay().udp[0]]),
            Self::Beside { relays, .. } => (relays.all[0].http, relays.all.iter().map(|relay| relay.udp).collect()),
        }
    }
}
