//! The candidate's network: a road for datagrams and a wire for the socket, each 25 ms long each way, which can be cut and moved.
//!
//! **Law:** without faults all arrives, in order, once. A cut says nothing to anybody: what is on the way is gone.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

/// Half of the round trip.
pub const ONE_WAY: Duration = Duration::from_millis(25);
/// Datagrams or pieces that are on the way in one direction.
const ON_THE_WAY_MAX: usize = 4_096;

/// Datagrams between a peer and the relay.
pub struct Road {
    pub addr: SocketAddr,
    relay: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    /// Rises when the candidate's address changes: what belongs to an earlier one is dead.
    address: AtomicU32,
}

impl Road {
    pub async fn start(relay: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (addr, state) = (front.local_addr().unwrap(), Arc::new(State::default()));
        let task = tokio::spawn(carry(front, relay, state.clone()));
        Self {
            addr,
            relay,
            state,
            task,
        }
    }

    /// Whether an answer is of the relay that this road leads to.
    pub fn leads_to(&self, answer: &str) -> bool {
        let port = format!(" {} typ ", self.relay.port());
        answer
            .lines()
            .any(|line| line.starts_with("a=candidate:") && line.contains(&port))
    }

    pub fn cut(&self, on: bool) {
        self.state.is_cut.store(on, Ordering::Relaxed);
    }

    /// From here on the relay sees another address, and what it sends to the old one is lost.
    pub fn move_on(&self) {
        self.state.address.fetch_add(1, Ordering::Relaxed);
    }

    /// An offer with no address of the candidate's own, as behind any NAT: only what arrives tells one.
    pub fn hide(offer: &str) -> String {
        let lines = offer.lines().filter(|line| !line.starts_with("a=candidate:"));
        lines.flat_map(|line| [line, "\r\n"]).collect()
    }

    /// The answer with the relay's candidates replaced by this road.
    pub fn in_front(&self, answer: &str) -> String {
        let mut told = false;
        let lines = answer.lines().filter_map(|line| {
            let Some(rest) = line.strip_prefix("a=candidate:") else {
                return Some(line.to_owned());
            };
            if std::mem::replace(&mut told, true) {
                return None;
            }
            let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
            words[4] = self.addr.ip().to_string();
            words[5] = self.addr.port().to_string();
            Some(format!("a=candidate:{}", words.join(" ")))
        });
        lines.map(|line| line + "\r\n").collect()
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Datagram = (Instant, Vec<u8>);

/// One address of the candidate's, as the relay sees it.
struct Upstream {
    address: u32,
    up: mpsc::Sender<Datagram>,
    _tasks: JoinSet<()>,
}

async fn carry(front: Arc<UdpSocket>, relay: SocketAddr, state: Arc<State>) {
    let mut upstream: HashMap<SocketAddr, Upstream> = HashMap::new();
    let mut packet = vec![0u8; 2048];
    while let Ok((n, from)) = front.recv_from(&mut packet).await {
        if state.is_cut.load(Ordering::Relaxed) {
            continue;
        }
        let address = state.address.load(Ordering::Relaxed);
        if upstream.get(&from).is_none_or(|known| known.address != address) {
            upstream.insert(
                from,
                Upstream::open(front.clone(), relay, from, address, state.clone()).await,
            );
        }
        let _ = upstream[&from]
            .up
            .try_send((Instant::now() + ONE_WAY, packet[..n].to_vec()));
    }
}

impl Upstream {
    async fn open(front: Arc<UdpSocket>, relay: SocketAddr, peer: SocketAddr, address: u32, state: Arc<State>) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        socket.connect(relay).await.unwrap();
        let (up, mut going_up) = mpsc::channel::<Datagram>(ON_THE_WAY_MAX);
        let (down, mut going_down) = mpsc::channel::<Datagram>(ON_THE_WAY_MAX);
        let mut tasks = JoinSet::new();
        let (sends, cut) = (socket.clone(), state.clone());
        tasks.spawn(async move {
            while let Some((due, packet)) = going_up.recv().await {
                tokio::time::sleep_until(due).await;
                if !cut.is_cut.load(Ordering::Relaxed) {
                    let _ = sends.send(&packet).await;
                }
            }
        });
        tasks.spawn(async move {
            let mut packet = vec![0u8; 2048];
            loop {
                match socket.recv(&mut packet).await {
                    Ok(n) => drop(down.try_send((Instant::now() + ONE_WAY, packet[..n].to_vec()))),
                    // the relay's port is closed for a while: its process is being restarted
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        });
        tasks.spawn(async move {
            while let Some((due, packet)) = going_down.recv().await {
                tokio::time::sleep_until(due).await;
                let is_dead = state.address.load(Ordering::Relaxed) != address;
                if !is_dead && !state.is_cut.load(Ordering::Relaxed) {
                    let _ = front.send_to(&packet, peer).await;
                }
            }
        });
        Self {
            address,
            up,
            _tasks: tasks,
        }
    }
}

/// TCP between a page and the relay.
pub struct Wire {
    pub addr: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    cut: watch::Sender<Cut>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Cut {
    /// Nothing passes, nothing is refused.
    is_cut: bool,
    /// Rises when every connection there is breaks.
    broken: u32,
}

impl Wire {
    /// `one_way`: half of the round trip.
    pub async fn start(relay: SocketAddr, one_way: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (cut, state) = watch::channel(Cut::default());
        let target = Arc::new(Mutex::new(relay));
        let leads = target.clone();
        let task = tokio::spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (state, relay) = (state.clone(), *leads.lock().unwrap());
                all.spawn(async move {
                    let Ok(server) = TcpStream::connect(relay).await else {
                        return;
                    };
                    // or the kernel gathers small messages, for 40 ms of real time
                    client.set_nodelay(true).unwrap();
                    server.set_nodelay(true).unwrap();
                    join(client, server, state, one_way).await;
                });
            }
        });
        Self {
            addr,
            target,
            cut,
            task,
        }
    }

    /// Where connections go from here on; those there are stay.
    pub fn lead_to(&self, relay: SocketAddr) {
        *self.target.lock().unwrap() = relay;
    }

    /// Nothing passes, and nobody is told.
    pub fn cut(&self, on: bool) {
        self.cut.send_modify(|cut| cut.is_cut = on);
    }

    /// Every connection there is breaks, at both ends at once.
    pub fn break_all(&self) {
        self.cut.send_modify(|cut| cut.broken += 1);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn join(client: TcpStream, server: TcpStream, state: watch::Receiver<Cut>, one_way: Duration) {
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let mut breaks = state.clone();
    let broken = breaks.borrow_and_update().broken;
    tokio::select! {
        () = pass(client_in, server_out, state.clone(), one_way) => {}
        () = pass(server_in, client_out, state, one_way) => {}
        _ = breaks.wait_for(|cut| cut.broken != broken) => {}
    }
}

/// Until an end closes; then both do.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<Cut>, one_way: Duration) {
    let (late, mut arriving) = mpsc::channel::<Datagram>(ON_THE_WAY_MAX);
    let reading = async move {
        let mut piece = vec![0u8; 16 * 1024];
        loop {
            match from.read(&mut piece).await {
                Ok(n) if n > 0 => {
                    if late
                        .send((Instant::now() + one_way, piece[..n].to_vec()))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                _ => return,
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = arriving.recv().await {
            tokio::time::sleep_until(due).await;
            // TCP sends again what was on the way: it arrives once the wire is whole
            if state.wait_for(|cut| !cut.is_cut).await.is_err() || to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}
