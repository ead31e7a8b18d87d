//! UDP in batches: what `recvmmsg` and `sendmmsg` give, without an allocation once warm.
//!
//! Is: non-blocking sockets (IPv4 or IPv6), and buffers that many sockets of one thread share, since an AI leg has a socket of
//! its own and a batch a leg would be 100 KB a session. Isn't: anything that knows what a datagram is, or that waits: that is
//! the driver's poller.
//! **Policy:** what the kernel does not take at once waits in a bounded queue; when that is full the oldest goes (its sound is
//! the least wanted) and is counted. A datagram that can never be sent (no route, too long) is dropped and counted alone; the
//! rest goes on.

use std::{
    array,
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg, sendmmsg, sendto},
};
use socket2::{Domain, Protocol, Socket as Raw, Type};

/// Datagrams read or written by one system call.
pub const BATCH: usize = 32;
/// Longest datagram taken in. Longer ones, which no peer of ours sends, come cut and are dropped.
pub const LEN_MAX: usize = 2048;
/// One byte more, by which a longer one is known.
const SLOT: usize = LEN_MAX + 1;
/// Datagrams that wait in one [`Outbox`].
pub const WAITING_MAX: usize = 1024;

/// Binds a UDP socket for [`Socket::new`]: non-blocking, with a kernel buffer of `buffer` bytes each way (the kernel may grant
/// less). An IPv6 socket takes IPv6 alone.
pub fn bind(address: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Raw::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(buffer)?;
    socket.set_send_buffer_size(buffer)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A socket that never waits.
#[derive(Debug)]
pub struct Socket {
    io: UdpSocket,
    local: SocketAddr,
    /// How many datagrams the next read asks for. A batch costs a look for one more than there are, and at a steady 50
    /// packets a second there is one.
    ask: Cell<usize>,
    /// Reads of one that are still to be made before another look for more.
    alone: Cell<u8>,
}

/// So many reads of one between two looks for more, where the last look found no more.
const ALONE: u8 = 16;

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl Socket {
    /// Takes a non-blocking socket (see [`bind`]).
    pub fn new(io: UdpSocket) -> io::Result<Self> {
        let local = io.local_addr()?;
        Ok(Self {
            io,
            local,
            ask: Cell::new(1),
            alone: Cell::new(0),
        })
    }

    /// Where it is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Reads some of the datagrams that are there into `inbox`, from which they are then taken, and says how many: more each
    /// time while there are more, up to [`BATCH`]. There may be others left. A read that fails for a reason of one datagram (an
    /// ICMP error) counts as a read of none.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        let ask = self.ask.get();
        let read = match ask {
            1 => inbox.read_one(&self.io),
            _ => inbox.read(self.io.as_raw_fd(), self.local, ask),
        };
        match read {
            Ok(count) => {
                self.ask.set(self.ask_next(ask, count));
                Ok(count)
            }
            Err(Errno::EAGAIN) => Ok(0),
            Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {
                inbox.failed += 1;
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How many to ask for after `count` of `ask` have come. One by one costs the least where one is there at a time, which only a
    /// look for more tells: that is had now and then.
    fn ask_next(&self, ask: usize, count: usize) -> usize {
        if count < ask {
            self.alone.set(ALONE);
            count.max(1)
        } else if ask == 1 && self.alone.get() > 0 {
            self.alone.set(self.alone.get() - 1);
            1
        } else {
            (ask * 2).min(BATCH)
        }
    }

    /// Sends what waits in `outbox`, in order, as far as the kernel takes it at once. False if some is left: then try again
    /// when the socket is writable.
    pub fn flush<B: AsRef<[u8]>>(&self, outbox: &mut Outbox<B>) -> bool {
        outbox.write(self.io.as_raw_fd(), self.local)
    }

    /// Sends one datagram past any queue; false if the kernel did not take it.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        write_one(self.io.as_raw_fd(), to, datagram).is_ok()
    }
}

/// Buffers that datagrams are read into; one serves all sockets of a thread, of either family. 66 KB.
#[derive(Debug)]
pub struct Inbox {
    slots: Box<[[u8; SLOT]]>,
    v4: MultiHeaders<SockaddrIn>,
    v6: MultiHeaders<SockaddrIn6>,
    /// Length and sender of each datagram read.
    read: [Option<(usize, SocketAddr)>; BATCH],
    count: usize,
    failed: u64,
    cut: u64,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            slots: vec![[0; SLOT]; BATCH].into_boxed_slice(),
            v4: MultiHeaders::preallocate(BATCH, None),
            v6: MultiHeaders::preallocate(BATCH, None),
            read: [None; BATCH],
            count: 0,
            failed: 0,
            cut: 0,
        }
    }
}

impl Inbox {
    /// Empty. Make it on the thread that uses it: it cannot be sent to another.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the last read brought, in order of arrival: sender and bytes, which may be changed in place.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let read = self.read.iter().take(self.count);
        self.slots.iter_mut().zip(read).filter_map(|(slot, read)| {
            let (len, from) = (*read)?;
            Some((from, slot.get_mut(..len)?))
        })
    }

    /// Reads that failed for a reason of one datagram.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Datagrams longer than [`LEN_MAX`], dropped.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// One datagram, without what a batch costs.
    fn read_one(&mut self, socket: &UdpSocket) -> Result<usize, Errno> {
        self.count = 0;
        let (Some(slot), Some(read)) = (self.slots.first_mut(), self.read.first_mut()) else {
            return Ok(0);
        };
        let (len, from) = socket.recv_from(slot).map_err(|error| errno(&error))?;
        let whole = len <= LEN_MAX;
        self.cut += u64::from(!whole);
        *read = whole.then_some((len, from));
        self.count = 1;
        Ok(1)
    }

    fn read(&mut self, fd: RawFd, local: SocketAddr, ask: usize) -> Result<usize, Errno> {
        self.count = 0;
        let slots = self.slots.get_mut(..ask).unwrap_or_default();
        let (read, cut) = (&mut self.read, &mut self.cut);
        self.count = if local.is_ipv4() {
            read_batch(fd, &mut self.v4, slots, read, cut, |from: SockaddrIn| {
                SocketAddrV4::from(from).into()
            })?
        } else {
            read_batch(fd, &mut self.v6, slots, read, cut, |from: SockaddrIn6| {
                SocketAddrV6::from(from).into()
            })?
        };
        Ok(self.count)
    }
}

fn read_batch<S: SockaddrLike + Copy>(
    fd: RawFd,
    headers: &mut MultiHeaders<S>,
    slots: &mut [[u8; SLOT]],
    read: &mut [Option<(usize, SocketAddr)>; BATCH],
    cut: &mut u64,
    address: impl Fn(S) -> SocketAddr,
) -> Result<usize, Errno> {
    let ask = slots.len();
    let mut slots = slots.iter_mut();
    let mut parts: [_; BATCH] = array::from_fn(|_| {
        [IoSliceMut::new(
            slots.next().map(|slot| &mut slot[..]).unwrap_or_default(),
        )]
    });
    let mut count = 0;
    let parts = parts.iter_mut().take(ask);
    for (message, read) in recvmmsg(fd, headers, parts, MsgFlags::MSG_DONTWAIT, None)?.zip(read) {
        let whole = message.bytes <= LEN_MAX;
        *cut += u64::from(!whole);
        *read = message
            .address
            .filter(|_| whole)
            .map(|from| (message.bytes, address(from)));
        count += 1;
    }
    Ok(count)
}

/// Datagrams on their way out of one socket, each owned as `B` until it is sent.
#[derive(Debug)]
pub struct Outbox<B> {
    waiting: VecDeque<(SocketAddr, B)>,
    /// Made at the first batch of more than one: most AI legs never need them.
    v4: Option<MultiHeaders<SockaddrIn>>,
    v6: Option<MultiHeaders<SockaddrIn6>>,
    overflowed: u64,
    unsendable: u64,
}

impl<B> Default for Outbox<B> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            v4: None,
            v6: None,
            overflowed: 0,
            unsendable: 0,
        }
    }
}

impl<B: AsRef<[u8]>> Outbox<B> {
    /// Empty. Make it on the thread that uses it: it cannot be sent to another.
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues a datagram. When [`WAITING_MAX`] wait already, the oldest goes and is counted.
    pub fn push(&mut self, to: SocketAddr, datagram: B) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
            self.overflowed += 1;
        }
        self.waiting.push_back((to, datagram));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Datagrams that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Datagrams dropped because the queue was full.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Datagrams dropped because the kernel would never have them: no route, too long, another family.
    pub fn unsendable(&self) -> u64 {
        self.unsendable
    }

    /// True if nothing is left.
    fn write(&mut self, fd: RawFd, local: SocketAddr) -> bool {
        while !self.waiting.is_empty() {
            match self.write_some(fd, local) {
                Ok(0 | 1) => drop(self.waiting.pop_front()),
                Ok(count) => drop(self.waiting.drain(..count.min(self.waiting.len()))),
                Err(Errno::EAGAIN) => return false,
                Err(Errno::EINTR) => {}
                Err(_) => {
                    self.waiting.pop_front();
                    self.unsendable += 1;
                }
            }
        }
        true
    }

    fn write_some(&mut self, fd: RawFd, local: SocketAddr) -> Result<usize, Errno> {
        match self.waiting.front() {
            Some((to, _)) if to.is_ipv4() != local.is_ipv4() => Err(Errno::EAFNOSUPPORT),
            Some((to, only)) if self.waiting.len() == 1 => write_one(fd, *to, only.as_ref()).map(|_| 1),
            Some((SocketAddr::V4(_), _)) => {
                let headers = self.v4.get_or_insert_with(|| MultiHeaders::preallocate(BATCH, None));
                write_batch(fd, headers, &self.waiting, v4)
            }
            Some((SocketAddr::V6(_), _)) => {
                let headers = self.v6.get_or_insert_with(|| MultiHeaders::preallocate(BATCH, None));
                write_batch(fd, headers, &self.waiting, v6)
            }
            None => Ok(0),
        }
    }
}

fn write_batch<S: SockaddrLike + Copy, B: AsRef<[u8]>>(
    fd: RawFd,
    headers: &mut MultiHeaders<S>,
    waiting: &VecDeque<(SocketAddr, B)>,
    address: impl Fn(SocketAddr) -> Option<S>,
) -> Result<usize, Errno> {
    let mut parts = [[IoSlice::new(&[])]; BATCH];
    let mut to = [None; BATCH];
    let mut count = 0;
    for (((destination, datagram), part), to) in waiting.iter().zip(&mut parts).zip(&mut to) {
        // Another family ends the batch: it is the first of the next one, and refused there.
        let Some(destination) = address(*destination) else {
            break;
        };
        (*part, *to) = ([IoSlice::new(datagram.as_ref())], Some(destination));
        count += 1;
    }
    let (parts, to) = (
        parts.get(..count).unwrap_or_default(),
        to.get(..count).unwrap_or_default(),
    );
    // The results carry no addresses on the way out; only their number is asked for.
    Ok(sendmmsg(fd, headers, parts, to, [], MsgFlags::MSG_DONTWAIT)?.count())
}

fn write_one(fd: RawFd, to: SocketAddr, datagram: &[u8]) -> Result<usize, Errno> {
    match to {
        SocketAddr::V4(to) => sendto(fd, datagram, &SockaddrIn::from(to), MsgFlags::MSG_DONTWAIT),
        SocketAddr::V6(to) => sendto(fd, datagram, &SockaddrIn6::from(to), MsgFlags::MSG_DONTWAIT),
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn v4(to: SocketAddr) -> Option<SockaddrIn> {
    match to {
        SocketAddr::V4(to) => Some(to.into()),
        SocketAddr::V6(_) => None,
    }
}

fn v6(to: SocketAddr) -> Option<SockaddrIn6> {
    match to {
        SocketAddr::V4(_) => None,
        SocketAddr::V6(to) => Some(to.into()),
    }
}

#[cfg(test)]
mod tests;
