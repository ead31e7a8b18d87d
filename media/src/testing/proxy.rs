//! A net between two peers on loopback: everything passes, but what its rule loses.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the one who came to the proxy, to its target.
    There,
    Back,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Lose,
    Delay(Duration),
}

impl From<bool> for Fate {
    fn from(is_lost: bool) -> Self {
        if is_lost { Self::Lose } else { Self::Pass }
    }
}

/// Listens for one peer, and speaks to its target from another socket. Ends with its drop.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    rebind: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// The rule is asked for each datagram (`true`: lost).
    pub(crate) async fn new<F: Into<Fate>>(
        target: SocketAddr,
        mut rule: impl FnMut(Way, &[u8]) -> F + Send + 'static,
    ) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let mut back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let rebind = Arc::new(Notify::new());
        let rebound = rebind.clone();
        let address = front.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut there, mut here) = (vec![0; 2048], vec![0; 2048]);
            let mut client = None;
            loop {
                tokio::select! {
                    () = rebound.notified() => back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap()),
                    Ok((len, from)) = front.recv_from(&mut there) => {
                        client = Some(from);
                        send(&back, target, &there[..len], rule(Way::There, &there[..len]).into()).await;
                    }
                    Ok((len, _)) = back.recv_from(&mut here) => if let Some(client) = client {
                        send(&front, client, &here[..len], rule(Way::Back, &here[..len]).into()).await;
                    }
                }
            }
        });
        Self { address, rebind, task }
    }

    /// As a NAT that forgets: another port from here on, and what comes to the old one is lost.
    pub(crate) fn rebind(&self) {
        self.rebind.notify_one();
    }

    /// The description with the target's candidates become this proxy.
    pub(crate) fn in_place_of(&self, sdp: &str) -> String {
        let mut replaced = String::new();
        for line in sdp.lines() {
            if line.starts_with("a=candidate:") {
                let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
                words[4] = self.address.ip().to_string();
                words[5] = self.address.port().to_string();
                replaced.push_str(&words.join(" "));
            } else {
                replaced.push_str(line);
            }
            replaced.push_str("\r\n");
        }
        replaced
    }
}

async fn send(socket: &Arc<UdpSocket>, to: SocketAddr, bytes: &[u8], fate: Fate) {
    match fate {
        Fate::Lose => {}
        Fate::Pass => {
            let _ = socket.send_to(bytes, to).await;
        }
        Fate::Delay(by) => {
            let (socket, bytes) = (socket.clone(), bytes.to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(by).await;
                let _ = socket.send_to(&bytes, to).await;
            });
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The first UDP candidate of a description.
pub(crate) fn candidate(sdp: &str) -> SocketAddr {
    let line = sdp
        .lines()
        .find(|line| line.starts_with("a=candidate:") && line.contains(" udp "))
        .unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())
}
