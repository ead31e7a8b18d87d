//! A candidate's bad network: a UDP proxy between a peer and the relay that loses what a seeded coin says.
//!
//! One upstream socket for each of the peer's addresses, so that the relay sees addresses as a NAT would give them.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};
use tokio::{net::UdpSocket, task::JoinHandle};

#[derive(Default)]
pub struct Counts {
    /// Media packets (RTP, not RTCP) lost on the way to the relay.
    pub lost_up: AtomicU64,
    /// The same on the way to the candidate.
    pub lost_down: AtomicU64,
}

pub struct Lossy {
    pub addr: SocketAddr,
    pub counts: Arc<Counts>,
    per_mille: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Lossy {
    /// A proxy in front of `relay`, which loses nothing until told.
    pub async fn start(relay: SocketAddr, seed: u64) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (addr, counts) = (front.local_addr().unwrap(), Arc::new(Counts::default()));
        let per_mille = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(run(front, relay, seed, counts.clone(), per_mille.clone()));
        Self {
            addr,
            counts,
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

fn is_rtp(packet: &[u8]) -> bool {
    packet.len() > 1 && (128..192).contains(&packet[0]) && !(192..=223).contains(&packet[1])
}

async fn run(front: Arc<UdpSocket>, relay: SocketAddr, seed: u64, counts: Arc<Counts>, per_mille: Arc<AtomicU32>) {
    let mut coin = SmallRng::seed_from_u64(seed);
    let mut upstream: HashMap<SocketAddr, (Arc<UdpSocket>, JoinHandle<()>)> = HashMap::new();
    let mut packet = vec![0u8; 2048];
    while let Ok((n, from)) = front.recv_from(&mut packet).await {
        let packet = &packet[..n];
        if let Entry::Vacant(free) = upstream.entry(from) {
            let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            socket.connect(relay).await.unwrap();
            let (back, front, counts, per_mille) = (socket.clone(), front.clone(), counts.clone(), per_mille.clone());
            let mut coin = SmallRng::seed_from_u64(seed ^ u64::from(from.port()));
            let down = tokio::spawn(async move {
                let mut packet = vec![0u8; 2048];
                while let Ok(n) = back.recv(&mut packet).await {
                    if coin.random_range(0..1000) < per_mille.load(Ordering::Relaxed) {
                        counts
                            .lost_down
                            .fetch_add(u64::from(is_rtp(&packet[..n])), Ordering::Relaxed);
                        continue;
                    }
                    let _ = front.send_to(&packet[..n], from).await;
                }
            });
            free.insert((socket, down));
        }
        if coin.random_range(0..1000) < per_mille.load(Ordering::Relaxed) {
            counts.lost_up.fetch_add(u64::from(is_rtp(packet)), Ordering::Relaxed);
            continue;
        }
        let _ = upstream[&from].0.send(packet).await;
    }
}
