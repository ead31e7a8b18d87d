//! One far end of the load: its socket, what stands on it, and what it has sent when.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Instant,
};

use serde_json::{Value, json};

use super::{Error, line::Line};
use crate::peer::{Peer, Role};

/// Bytes of Opus in a packet: 32 kbit/s, as speech is sent.
const PAYLOAD: usize = 80;
/// The header with the extension that a browser adds for the audio level.
const HEADER: usize = 12 + 8;
/// What SRTP adds under AES-128-GCM. The reference's datagrams are as long.
const TAG: usize = 16;
/// Packets whose time of sending is remembered: 20 s.
const SENT: usize = 1024;
/// Where the payload says who sent it; before it stands what Opus calls a 20 ms frame.
const MAGIC: [u8; 4] = [0x78, b'v', b'v', b'b'];

/// What a payload says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub from: usize,
    pub counted: bool,
    number: u32,
}

/// What one look at a socket brought.
pub(super) enum Read {
    /// Nothing: it is empty.
    Empty,
    /// A datagram that is none of the speech that we send.
    Other,
    /// Speech.
    Speech(Stamp),
}

pub(super) struct End {
    socket: UdpSocket,
    stands: Stands,
    line: Line,
    sent: u32,
    sent_at: Box<[Option<(u32, Instant)>]>,
    packet: Vec<u8>,
    /// When it was up.
    pub up: Option<Instant>,
    greeted: bool,
}

enum Stands {
    Peer(Box<Peer>, Role),
    Plain { relay: SocketAddr, hello: Vec<u8> },
}

impl End {
    pub(super) fn peer(now: Instant, from: IpAddr, role: Role, line: Line) -> Result<Self, Error> {
        let socket = socket(from)?;
        let peer = Peer::new(now, role, socket.local_addr()?)?;
        let ssrc = peer.ssrc;
        Ok(Self::new(socket, Stands::Peer(Box::new(peer), role), line, ssrc))
    }

    pub(super) fn plain(relay: SocketAddr, from: IpAddr, hello: &[u8]) -> Result<Self, Error> {
        let socket = socket(from)?;
        socket.send_to(hello, relay)?;
        Ok(Self::new(
            socket,
            Stands::Plain {
                relay,
                hello: hello.to_vec(),
            },
            Line::new(0.0, 0),
            1,
        ))
    }

    fn new(socket: UdpSocket, stands: Stands, line: Line, ssrc: u32) -> Self {
        let mut packet = vec![0; HEADER + PAYLOAD];
        packet[..2].copy_from_slice(&[0x90, 111]);
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet[12..18].copy_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 50]);
        packet[HEADER..HEADER + 4].copy_from_slice(&MAGIC);
        let sent_at = vec![None; SENT].into_boxed_slice();
        Self {
            socket,
            stands,
            line,
            sent: 0,
            sent_at,
            packet,
            up: None,
            greeted: false,
        }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn is_ai(&self) -> bool {
        matches!(self.stands, Stands::Peer(_, Role::Ai))
    }

    pub(super) fn offer(&mut self, now: Instant) -> Result<String, Error> {
        let offer = self.on_peer(|peer| peer.offer(now))?;
        self.flush();
        Ok(offer)
    }

    pub(super) fn answer(&mut self, now: Instant, offer: String) -> Result<String, Error> {
        let answer = self.on_peer(|peer| peer.answer(now, offer))?;
        self.flush();
        Ok(answer)
    }

    pub(super) fn accept(&mut self, now: Instant, answer: String) -> Result<(), Error> {
        self.on_peer(|peer| peer.accept(now, answer))?;
        self.flush();
        Ok(())
    }

    fn on_peer<T>(&mut self, ask: impl FnOnce(&mut Peer) -> Result<T, crate::peer::Error>) -> Result<T, Error> {
        match &mut self.stands {
            Stands::Peer(peer, _) => Ok(ask(peer)?),
            Stands::Plain { .. } => Err(Error::Ended),
        }
    }

    /// Reads one datagram.
    pub(super) fn read(&mut self, now: Instant, buffer: &mut [u8]) -> Read {
        let Ok((len, from)) = self.socket.recv_from(buffer) else {
            return Read::Empty;
        };
        if self.line.loses() {
            return Read::Other;
        }
        let bytes = buffer.get(..len).unwrap_or_default();
        let stamp = match &mut self.stands {
            Stands::Plain { hello, .. } => {
                if bytes == hello.as_slice() {
                    self.up.get_or_insert(now);
                }
                stamp(bytes.get(..len.saturating_sub(TAG)).unwrap_or_default())
            }
            Stands::Peer(peer, _) => {
                let speech = peer.datagram(now, from, bytes);
                if !peer.sends.is_empty() || !peer.texts.is_empty() || self.up.is_none() {
                    self.settle(now);
                }
                speech.and_then(|packet| stamp(&packet))
            }
        };
        stamp.map_or(Read::Other, Read::Speech)
    }

    pub(super) fn tick(&mut self, now: Instant) {
        if let Stands::Peer(peer, _) = &mut self.stands
            && peer.poll_timeout().is_some_and(|due| due <= now)
        {
            peer.tick(now);
            self.settle(now);
        }
    }

    /// Sends 20 ms of speech. False if it is not up, or the kernel would not have it. `now` is read right before the packet is
    /// given to the kernel.
    pub(super) fn send_speech(&mut self, number: usize, counted: bool, now: impl Fn() -> Instant) -> bool {
        if self.up.is_none() {
            return false;
        }
        self.sent = self.sent.wrapping_add(1);
        let (seq, ts) = (self.sent as u16, self.sent.wrapping_mul(960));
        self.packet[2..4].copy_from_slice(&seq.to_be_bytes());
        self.packet[4..8].copy_from_slice(&ts.to_be_bytes());
        let body = &mut self.packet[HEADER + MAGIC.len()..];
        body[..2].copy_from_slice(&(number as u16).to_be_bytes());
        body[2] = u8::from(counted);
        body[3..7].copy_from_slice(&self.sent.to_be_bytes());
        let (to, bytes) = match &mut self.stands {
            Stands::Peer(peer, _) => match peer.protect(&self.packet) {
                Some(protected) => protected,
                None => return false,
            },
            Stands::Plain { relay, .. } => {
                let mut bytes = bytes::BytesMut::from(&self.packet[..]);
                bytes.resize(bytes.len() + TAG, 0);
                (*relay, bytes)
            }
        };
        self.sent_at[self.sent as usize % SENT] = Some((self.sent, now()));
        self.line.loses() || self.socket.send_to(&bytes, to).is_ok()
    }

    pub(super) fn sent_at(&self, stamp: &Stamp) -> Option<Instant> {
        let (number, at) = (*self.sent_at.get(stamp.number as usize % SENT)?)?;
        (number == stamp.number).then_some(at)
    }

    pub(super) fn close(&mut self, now: Instant) {
        if let Stands::Peer(peer, _) = &mut self.stands {
            peer.close(now);
            self.flush();
        }
    }

    /// After anything that happened on a peer: what it sends, whether it is up, what an AI side says to what it was told.
    fn settle(&mut self, now: Instant) {
        if let Stands::Peer(peer, role) = &mut self.stands {
            if peer.is_up() {
                self.up.get_or_insert(now);
            }
            let texts = std::mem::take(&mut peer.texts);
            if *role == Role::Ai && peer.channel.is_some() {
                if !std::mem::replace(&mut self.greeted, true) {
                    peer.send_text(now, &event("session.created", json!({})));
                }
                for text in texts {
                    for say in replies(&text) {
                        peer.send_text(now, &say);
                    }
                }
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        if let Stands::Peer(peer, _) = &mut self.stands {
            for (to, bytes) in peer.sends.drain(..) {
                // Lost as any datagram may be; the peer sends again what matters.
                if !self.line.loses() {
                    let _ = self.socket.send_to(&bytes, to);
                }
            }
        }
    }
}

/// The least that a Realtime session answers, so that the relay goes on: nothing is spoken in words here.
fn replies(text: &str) -> Vec<String> {
    let Ok(said) = serde_json::from_str::<Value>(text) else {
        return vec![];
    };
    match said.get("type").and_then(Value::as_str) {
        Some("session.update") => vec![event("session.updated", json!({}))],
        Some("response.create") => {
            let response = |status: &str| json!({"response": {"object": "realtime.response", "id": "resp_bench", "status": status, "output": []}});
            vec![
                event("response.created", response("in_progress")),
                event("response.done", response("completed")),
            ]
        }
        _ => vec![],
    }
}

fn event(kind: &str, mut body: Value) -> String {
    body["type"] = json!(kind);
    body["event_id"] = json!(format!("event_{:08x}", rand::random::<u32>()));
    if kind.starts_with("session.") {
        body["session"] = json!({"type": "realtime", "object": "realtime.session", "id": "sess_bench"});
    }
    body.to_string()
}

/// Finds our mark in an RTP packet, wherever its header ends.
fn stamp(packet: &[u8]) -> Option<Stamp> {
    let at = packet.len().checked_sub(PAYLOAD)?;
    let body = packet.get(at..)?.strip_prefix(&MAGIC)?;
    Some(Stamp {
        from: usize::from(u16::from_be_bytes(*body.first_chunk()?)),
        counted: *body.get(2)? == 1,
        number: u32::from_be_bytes(*body.get(3..)?.first_chunk()?),
    })
}

fn socket(from: IpAddr) -> Result<UdpSocket, Error> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
