//! Where a row's relay runs: in this process, or in processes of their own.

use crate::{
    disk::Disk,
    postgres::Server,
    relays::Relays,
    rows::{Fault, Row},
    stack::Stack,
};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};

/// What a new database file, its log and a journal take, and some room.
const DISK_MIB: u32 = 12;

/// Where the relay runs.
pub enum Place {
    /// In this process.
    Inside,
    /// In processes of their own, before a database of theirs.
    Beside {
        relays: Relays,
        database: Option<Arc<Server>>,
        /// That the first one's data is on, if it is to be full.
        disk: Option<Disk>,
    },
}

impl Place {
    pub async fn of(row: &Row, defaults: Value) -> (Self, Stack) {
        let count = match row.fault {
            Fault::KilledAndBack | Fault::StoreStopped | Fault::DiskFull => 1,
            Fault::KilledForAnother | Fault::Terminated => 2,
            _ => return (Self::Inside, Stack::start(defaults, row.vars).await),
        };
        // a file is one process's; initdb takes a second or two
        let database = if matches!(row.fault, Fault::KilledAndBack | Fault::DiskFull) {
            None
        } else {
            Some(Arc::new(tokio::task::spawn_blocking(Server::start).await.unwrap()))
        };
        let url = database.as_ref().map(|server| server.database());
        let (simulator, data) = Stack::surroundings(defaults).await;
        let disk = (row.fault == Fault::DiskFull).then(|| Disk::mount(&data.path().join("0"), DISK_MIB));
        let (relays, stack) = Relays::start(count, (simulator, data), row.vars, url.as_deref()).await;
        (Self::Beside { relays, database, disk }, stack)
    }

    /// HTTP of the first, and UDP of all.
    pub fn addresses(&self, stack: &Stack) -> (SocketAddr, Vec<SocketAddr>) {
        match self {
            Self::Inside => (stack.relay().http, vec![stack.relay().udp[0]]),
            Self::Beside { relays, .. } => (relays.all[0].http, relays.all.iter().map(|relay| relay.udp).collect()),
        }
    }
}
