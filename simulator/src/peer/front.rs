//! The socket that stands before the peer: makes the crate's agent behave as OpenAI's ICE-lite one, vices on request.
//!
//! A lite agent asks nothing, but the crate's sends checks all the same. Here its Binding requests never reach the wire:
//! each is answered at once as the client would have, and a request with USE-CANDIDATE that it had left unanswered for want
//! of that answer is given to it again. With `strict` set, once a pair is nominated, requests without USE-CANDIDATE are
//! dropped unanswered, as OpenAI drops them. With `blackhole`, everything is.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    io::IoSliceMut,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use rtc::stun::{
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_SUCCESS, Message, Setter, TransactionId},
    xoraddr::XorMappedAddress,
};
use serde_json::{Value, json};
use tokio::{io::ReadBuf, net::UdpSocket};
use webrtc::{
    peer_connection::crypto,
    runtime::{
        AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime,
        Transmit,
    },
};

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_OK: u16 = 0x0101;
const USE_CANDIDATE: u16 = 0x0025;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Datagrams for the agent that never were on the wire; more than this means that it does not read.
const INBOX_MAX: usize = 64;

/// One call's switches and counters.
#[derive(Debug)]
pub(crate) struct FrontState {
    remote_pwd: String,
    pub(crate) strict: AtomicBool,
    pub(crate) blackhole: AtomicBool,
    nominated: AtomicBool,
    requests: AtomicU64,
    refused: AtomicU64,
    /// When the client last asked (`super::now_ms`).
    last_request_ms: AtomicU64,
}

impl FrontState {
    pub(crate) fn new(remote_pwd: String, strict: bool) -> Self {
        Self {
            remote_pwd,
            strict: AtomicBool::new(strict),
            blackhole: AtomicBool::new(false),
            nominated: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last_request_ms: AtomicU64::new(super::now_ms()),
        }
    }

    /// How long the client has asked nothing: past 30 s OpenAI lets go of it.
    pub(crate) fn quiet_for(&self) -> Duration {
        Duration::from_millis(super::now_ms().saturating_sub(self.last_request_ms.load(Ordering::Relaxed)))
    }

    pub(crate) fn value(&self) -> Value {
        json!({
            "strict": self.strict.load(Ordering::Relaxed), "nominated": self.nominated.load(Ordering::Relaxed),
            "binding_requests": self.requests.load(Ordering::Relaxed), "unanswered_without_use_candidate": self.refused.load(Ordering::Relaxed),
        })
    }
}

/// `TokioRuntime` with [`Front`] for UDP sockets.
#[derive(Debug)]
pub(crate) struct FrontRuntime {
    state: Arc<FrontState>,
}

impl FrontRuntime {
    pub(crate) fn new(state: Arc<FrontState>) -> Self {
        Self { state }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for FrontRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        socket.set_nonblocking(true)?;
        Ok(Arc::new(Front {
            io: UdpSocket::from_std(socket)?,
            state: Arc::clone(&self.state),
            inside: Mutex::default(),
        }))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp(&self, remote: SocketAddr) -> Boxed<'_, io::Result<Arc<dyn AsyncTcpStream>>> {
        TokioRuntime.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        TokioRuntime.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }
}

struct Front {
    io: UdpSocket,
    state: Arc<FrontState>,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// Datagrams for the agent that came by no wire.
    inbox: VecDeque<(Vec<u8>, SocketAddr)>,
    /// The last request with USE-CANDIDATE of each address that the agent has not answered.
    unanswered: BTreeMap<SocketAddr, Vec<u8>>,
    reader: Option<Waker>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("io", &self.io).finish_non_exhaustive()
    }
}

impl Front {
    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The agent asks: answered as by the client, and its unanswered request handed in once more.
    fn answer_itself(&self, request: &[u8], from: SocketAddr) {
        let answer = self
            .io
            .local_addr()
            .ok()
            .and_then(|to| success(request, to, &self.state.remote_pwd));
        let mut inside = self.inside();
        if inside.inbox.len() >= INBOX_MAX {
            return;
        }
        inside.inbox.extend(answer.map(|a| (a, from)));
        let again = inside.unanswered.remove(&from);
        inside.inbox.extend(again.map(|r| (r, from)));
        if let Some(reader) = inside.reader.take() {
            reader.wake();
        }
    }

    /// Whether a datagram from the wire reaches the agent.
    fn admit(&self, datagram: &[u8], from: SocketAddr) -> bool {
        if self.state.blackhole.load(Ordering::Relaxed) {
            return false;
        }
        if kind(datagram) != Some(BINDING_REQUEST) {
            return true;
        }
        self.state.requests.fetch_add(1, Ordering::Relaxed);
        self.state.last_request_ms.store(super::now_ms(), Ordering::Relaxed);
        if has(datagram, USE_CANDIDATE) {
            let mut inside = self.inside();
            if inside.unanswered.len() < INBOX_MAX {
                inside.unanswered.insert(from, datagram.to_vec());
            }
        } else if self.state.strict.load(Ordering::Relaxed) && self.state.nominated.load(Ordering::Relaxed) {
            self.state.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        true
    }
}

impl AsyncUdpSocket for Front {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let (datagram, to) = (transmit.contents, transmit.destination);
        if self.state.blackhole.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(datagram.len()));
        }
        match kind(datagram) {
            Some(BINDING_REQUEST) => {
                self.answer_itself(datagram, to);
                return Poll::Ready(Ok(datagram.len()));
            }
            Some(BINDING_OK) => {
                let mut inside = self.inside();
                if inside
                    .unanswered
                    .get(&to)
                    .is_some_and(|r| r.get(8..20) == datagram.get(8..20))
                {
                    inside.unanswered.remove(&to);
                    self.state.nominated.store(true, Ordering::Relaxed);
                }
            }
            _ => {}
        }
        self.io.poll_send_to(cx, datagram, to)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            let mut inside = self.inside();
            if let Some((datagram, from)) = inside.inbox.pop_front() {
                let len = datagram.len().min(buf.len());
                buf[..len].copy_from_slice(&datagram[..len]);
                return Poll::Ready(Ok(filled(meta, len, from)));
            }
            inside.reader = Some(cx.waker().clone());
            drop(inside);
            let mut read = ReadBuf::new(buf);
            match self.io.poll_recv_from(cx, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(from)) => {
                    let len = read.filled().len();
                    if self.admit(&buf[..len], from) {
                        return Poll::Ready(Ok(filled(meta, len, from)));
                    }
                }
            }
        }
    }
}

fn filled(meta: &mut RecvMeta, len: usize, from: SocketAddr) -> usize {
    *meta = RecvMeta::default();
    meta.len = len;
    meta.stride = len.max(1);
    meta.addr = from;
    1
}

/// The STUN message type, if it is STUN.
fn kind(datagram: &[u8]) -> Option<u16> {
    let head = datagram.get(..20)?;
    (head[0] < 4 && head[4..8] == COOKIE).then(|| u16::from_be_bytes([head[0], head[1]]))
}

/// Whether a STUN message has an attribute (RFC 8489, 14).
fn has(datagram: &[u8], wanted: u16) -> bool {
    let mut rest = datagram.get(20..).unwrap_or_default();
    while let [t0, t1, l0, l1, tail @ ..] = rest {
        if u16::from_be_bytes([*t0, *t1]) == wanted {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([*l0, *l1])).next_multiple_of(4);
        rest = tail.get(len..).unwrap_or_default();
    }
    false
}

/// The client's success response to `request`, as the client would sign it.
fn success(request: &[u8], mapped: SocketAddr, pwd: &str) -> Option<Vec<u8>> {
    let provider = crypto::default_provider().ok()?;
    let id: [u8; 12] = request.get(8..20)?.try_into().ok()?;
    let setters: [Box<dyn Setter + '_>; 5] = [
        Box::new(BINDING_SUCCESS),
        Box::new(TransactionId(id)),
        Box::new(XorMappedAddress {
            ip: mapped.ip(),
            port: mapped.port(),
        }),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            pwd.to_owned(),
            provider.crypto(),
        )),
        Box::new(FINGERPRINT),
    ];
    let mut message = Message::new();
    message.build(&setters).ok()?;
    Some(message.raw)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, attributes.len() as u8];
        bytes.extend(COOKIE);
        bytes.extend([7; 12]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn attributes_are_found_behind_padded_ones() {
        let plain = request(&[0, 6, 0, 3, b'a', b':', b'b', 0]);
        let nominating = request(&[0, 6, 0, 3, b'a', b':', b'b', 0, 0, 0x25, 0, 0]);
        assert_eq!(kind(&plain), Some(BINDING_REQUEST));
        assert!(!has(&plain, USE_CANDIDATE) && has(&nominating, USE_CANDIDATE));
        assert!(!has(&request(&[0, 6, 0xff, 0xff]), USE_CANDIDATE));
        assert_eq!(kind(&[0x80; 40]), None);
    }

    #[test]
    fn the_stand_in_answer_is_signed_as_the_clients() {
        let raw = success(&request(&[]), "127.0.0.1:5".parse().unwrap(), "secret").unwrap();
        let mut message = Message::new();
        message.unmarshal_binary(&raw).unwrap();
        let provider = crypto::default_provider().unwrap();
        MessageIntegrity::check(&mut message, b"secret", provider.crypto()).unwrap();
        assert_eq!(kind(&raw), Some(BINDING_OK));
    }
}
