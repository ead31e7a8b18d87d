//! Real sockets on loopback, both families.
#![allow(clippy::unwrap_used)]
use super::*;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

fn socket(address: &str) -> Socket {
    Socket::new(bind(address.parse().unwrap(), 1 << 20).unwrap()).unwrap()
}

/// Waits until the socket can do it, 5 s at most.
fn ready(socket: &Socket, what: PollFlags) {
    let mut fds = [PollFd::new(socket.as_fd(), what)];
    assert_eq!(poll(&mut fds, PollTimeout::from(5000_u16)), Ok(1));
}

fn read_all(socket: &Socket, want: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let (mut inbox, mut all) = (Inbox::new(), vec![]);
    while all.len() < want {
        ready(socket, PollFlags::POLLIN);
        socket.receive(&mut inbox).unwrap();
        all.extend(inbox.datagrams().map(|(from, bytes)| (from, bytes.to_vec())));
    }
    all
}

fn drain<B: AsRef<[u8]>>(socket: &Socket, outbox: &mut Outbox<B>) {
    while !socket.flush(outbox) {
        ready(socket, PollFlags::POLLOUT);
    }
}

#[test]
fn batches_arrive_whole_and_in_order() {
    for address in LOOPBACKS {
        let (from, to) = (socket(address), socket(address));
        for many in [1_u32, 2, 31, 32, 33, 100] {
            let mut outbox = Outbox::new();
            for n in 0..many {
                outbox.push(to.local_addr(), n.to_be_bytes().repeat(1 + n as usize));
            }
            drain(&from, &mut outbox);
            let want: Vec<_> = (0..many)
                .map(|n| (from.local_addr(), n.to_be_bytes().repeat(1 + n as usize)))
                .collect();
            assert_eq!(read_all(&to, want.len()), want, "{address} {many}");
            assert_eq!((outbox.overflowed(), outbox.unsendable()), (0, 0));
        }
        let mut inbox = Inbox::new();
        assert_eq!(to.receive(&mut inbox).unwrap(), 0, "nothing is left");
        assert_eq!(inbox.datagrams().count(), 0);
    }
}

#[test]
fn what_cannot_be_sent_does_not_stop_the_rest() {
    let huge = vec![0; 70_000];
    for (address, other) in [LOOPBACKS, [LOOPBACKS[1], LOOPBACKS[0]]].map(|[a, b]| (a, b)) {
        let (from, to, other) = (socket(address), socket(address), socket(other));
        let mut outbox = Outbox::new();
        for bytes in [&b"one"[..], &huge, b"two"] {
            outbox.push(to.local_addr(), bytes);
            outbox.push(other.local_addr(), b"of another family");
        }
        assert!(from.flush(&mut outbox), "a fresh socket takes datagrams at once");
        let got: Vec<_> = read_all(&to, 2).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(got, [b"one", b"two"], "{address}");
        assert_eq!(outbox.unsendable(), 4);
    }
}

#[test]
fn oversized_datagrams_are_dropped_and_counted() {
    let (from, to) = (socket(LOOPBACKS[0]), socket(LOOPBACKS[0]));
    assert!(from.send(to.local_addr(), &vec![7; LEN_MAX + 1]));
    assert!(from.send(to.local_addr(), &[7; LEN_MAX]));
    let mut inbox = Inbox::new();
    let mut all = vec![];
    while all.is_empty() {
        ready(&to, PollFlags::POLLIN);
        to.receive(&mut inbox).unwrap();
        all.extend(inbox.datagrams().map(|(_, bytes)| bytes.len()));
    }
    assert_eq!((all, inbox.cut()), (vec![LEN_MAX], 1));
}

#[test]
fn a_full_queue_drops_the_oldest() {
    let (from, to) = (socket(LOOPBACKS[0]), socket(LOOPBACKS[0]));
    let mut outbox = Outbox::new();
    for n in 0..WAITING_MAX as u32 + 3 {
        outbox.push(to.local_addr(), n.to_be_bytes());
    }
    assert_eq!((outbox.len(), outbox.overflowed()), (WAITING_MAX, 3));
    drain(&from, &mut outbox);
    let first = read_all(&to, 1).remove(0).1;
    assert_eq!(first, 3_u32.to_be_bytes());
}

/// Loopback delivers within the system call, so the kernel is never full here; what is shown is that a send buffer smaller
/// than a batch costs nothing of it.
#[test]
fn a_small_kernel_buffer_loses_nothing() {
    let from = Socket::new(bind(LOOPBACKS[0].parse().unwrap(), 1).unwrap()).unwrap();
    let to = socket(LOOPBACKS[0]);
    let mut outbox = Outbox::new();
    for n in 0..200_u32 {
        outbox.push(to.local_addr(), [n.to_be_bytes(); 300].concat());
    }
    drain(&from, &mut outbox);
    let got = read_all(&to, 200);
    assert!(
        got.iter()
            .enumerate()
            .all(|(n, (_, bytes))| bytes[..4] == (n as u32).to_be_bytes())
    );
}
