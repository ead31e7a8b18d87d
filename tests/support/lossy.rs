//! A candidate's bad network: a UDP proxy between a peer and the relay that loses what a seeded coin says.
//!
//! One upstream socket for each of the peer's addresses, so that the relay sees addresses as a NAT would give them.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{net::UdpSocket, task::JoinHandle};

/// What was seen. Media packets (RTP, not RTCP) that were lost: sequence number and timestamp, which SRTP leaves in the clear.
#[derive(Default)]
pub struct Lost {
    /// On the way to the relay.
    pub up: Mutex<Vec<(u16, u32)>>,
    /// On the way to the candidate.
    pub down: Mutex<Vec<(u16, u32)>>,
    /// DTLS alerts that the relay has sent: once a leg is up, there is none but `close_notify`.
    pub alerts: AtomicU32,
}

pub struct Lossy {
    pub addr: SocketAddr,
    pub lost: Arc<Lost>,
    per_mille: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Lossy {
    /// A proxy in front of `relay`, which loses nothing until told.
    pub async fn start(relay: SocketAddr, seed: u64) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (addr, lost) = (front.local_addr().unwrap(), Arc::new(Lost::default()));
        let per_mille = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(run(front, relay, seed, lost.clone(), per_mille.clone()));
        Self {
            addr,
            lost,
            per_mille,
            task,
        }
    }

    pub fn lose(&self, per_mille: u32) {
        self.per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// The answer with the relay's candidates replaced by the proxy.
    pub fn in_front(&self, answer: &str) -> String {
        let mut told = false;
        let lines = answer.lines().filter_map(|line| {
            let Some(rest) = line.strip_prefix("a=candidate:") else {
                return Some(line.to_owned());
            };
            let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
            if std::mem::replace(&mut told, true) {
                return None;
            }
            words[4] = self.addr.ip().to_string();
            words[5] = self.addr.port().to_string();
            Some(format!("a=candidate:{}", words.join(" ")))
        });
        lines.map(|line| line + "\r\n").collect()
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps what a lost packet was, if it was media.
fn note(lost: &Mutex<Vec<(u16, u32)>>, packet: &[u8]) {
    let is_rtp = packet.len() >= 12 && (128..192).contains(&packet[0]) && !(192..=223).contains(&packet[1]);
    if is_rtp {
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        lost.lock().unwrap().push((sequence, timestamp));
    }
}

async fn run(front: Arc<UdpSocket>, relay: SocketAddr, seed: u64, lost: Arc<Lost>, per_mille: Arc<AtomicU32>) {
    let mut coin = SmallRng::seed_from_u64(seed);
    let mut upstream: HashMap<SocketAddr, (Arc<UdpSocket>, JoinHandle<()>)> = HashMap::new();
    let mut packet = vec![0u8; 2048];
    while let Ok((n, from)) = front.recv_from(&mut packet).await {
        let packet = &packet[..n];
        if let Entry::Vacant(free) = upstream.entry(from) {
            let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            socket.connect(relay).await.unwrap();
            let (back, front, lost, per_mille) = (socket.clone(), front.clone(), lost.clone(), per_mille.clone());
            let mut coin = SmallRng::seed_from_u64(seed ^ 1);
            let down = tokio::spawn(async move {
                let mut packet = vec![0u8; 2048];
                while let Ok(n) = back.recv(&mut packet).await {
                    // RFC 6347, 4.1: the record's content type
                    lost.alerts.fetch_add(u32::from(packet[0] == 21), Ordering::Relaxed);
                    if coin.random_range(0..1000) < per_mille.load(Ordering::Relaxed) {
                        note(&lost.down, &packet[..n]);
                        continue;
                    }
                    let _ = front.send_to(&packet[..n], from).await;
                }
            });
            free.insert((socket, down));
        }
        if coin.random_range(0..1000) < per_mille.load(Ordering::Relaxed) {
            note(&lost.up, packet);
            continue;
        }
        let _ = upstream[&from].0.send(packet).await;
    }
}
