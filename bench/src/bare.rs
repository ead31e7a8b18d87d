//! The reference: a UDP relay that does nothing but pass datagrams on, one `recv_from` and one `send_to` each, on one thread.
//!
//! What it costs is what the kernel and tokio cost: whatever a relay does beyond is measured against it.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::UdpSocket;

/// How a far end says whom it belongs with: this, the pair's number, and which side it is.
pub const HELLO: &[u8; 4] = b"PAIR";

/// The first datagram of one side of a pair. It comes back.
pub fn hello(pair: u32, side: u8) -> Vec<u8> {
    [&HELLO[..], &pair.to_be_bytes(), &[side]].concat()
}

/// Binds on loopback, tells where, and relays until the end of the process.
pub async fn run(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(socket.local_addr()?);
    let mut waiting: HashMap<Vec<u8>, SocketAddr> = HashMap::new();
    let mut other: HashMap<SocketAddr, SocketAddr> = HashMap::new();
    let mut buffer = [0; 2048];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await?;
        let Some(datagram) = buffer.get(..len) else { continue };
        if let Some(to) = other.get(&from) {
            let _ = socket.send_to(datagram, to).await;
        } else if let Some((side, pair)) = datagram.split_last()
            && datagram.starts_with(HELLO)
        {
            waiting.insert(datagram.to_vec(), from);
            if let Some(peer) = waiting.get(&[pair, &[1 - (side & 1)]].concat()) {
                other.insert(from, *peer);
                other.insert(*peer, from);
            }
            let _ = socket.send_to(datagram, from).await;
        }
    }
}
