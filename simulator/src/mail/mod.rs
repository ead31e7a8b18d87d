//! A mail catcher: an SMTP server that delivers nothing and shows what it was sent, vices included.
//!
//! Is: for the demo and for tests, on this machine. Isn't: a mail server; it knows neither TLS nor sign-in, and says so by
//! offering neither. `session` speaks SMTP, `inbox` keeps letters, `pages` shows them.

mod inbox;
mod pages;
mod session;

pub(crate) use inbox::Inbox;
pub(crate) use pages::routes;

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Takes connections until it is stopped.
pub(crate) async fn serve(listener: TcpListener, inbox: Inbox, stop: CancellationToken) {
    let sessions = TaskTracker::new();
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.accept() => taken,
        };
        let Ok((stream, _)) = taken else { continue };
        let (inbox, stop) = (inbox.clone(), stop.clone());
        sessions.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = session::run(stream, &inbox) => {}
            }
        });
    }
    sessions.close();
    sessions.wait().await;
}

/// Binds the catcher's port.
pub(crate) async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), crate::Error> {
    let refused = |error| crate::Error::Listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    Ok((listener, addr))
}
