//! What waits for the database: the journal's one queue, in order of arrival.
//!
//! Is: pure; numbers, bytes, what is on the disk, what may be drained, who waits. Isn't: the disk (`writer.rs`) or the
//! database (`drain.rs`). **Law:** records leave at the front alone and in order. What is queued never exceeds the bound;
//! when full, new entries are refused (the caller hears it), while an interview's end may still use a small reserve.

use super::{Record, frame};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Beyond the bound, for what ends an interview: a step is some 200 bytes.
const RESERVE_BYTES: usize = 256 * 1024;

/// The bound is reached, or the record is longer than one may be: it was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is full")]
pub struct Full;

/// The queue. `W` is whoever waits for a record to be durable.
#[derive(Debug)]
pub(super) struct Queue<W> {
    bytes_max: usize,
    items: VecDeque<Item<W>>,
    /// Number of the front item; everything before it the database has.
    front: u64,
    /// Everything before it is on the disk.
    on_disk: u64,
    /// Everything before it may go to the database.
    may_drain: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Item<W> {
    record: Arc<Record>,
    bytes: usize,
    /// Kept until it is on the disk.
    frame: Option<Vec<u8>>,
    put_at: Instant,
    waiter: Option<W>,
}

/// A record that became durable just now.
#[derive(Debug)]
pub(super) struct Durable<W> {
    pub(super) put_at: Instant,
    pub(super) waiter: Option<W>,
}

/// A record to take in.
pub(super) struct Incoming {
    record: Record,
    frame: Vec<u8>,
}

impl Incoming {
    /// Encodes it: done outside of any lock.
    pub(super) fn of(record: Record) -> Result<Self, Full> {
        let frame = frame::encode(&record).ok_or(Full)?;
        Ok(Self { record, frame })
    }
}

impl<W> Queue<W> {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            items: VecDeque::new(),
            front: 0,
            on_disk: 0,
            may_drain: 0,
            bytes: 0,
        }
    }

    /// Takes a record left by a former process: on the disk already, bound or no bound.
    pub(super) fn found(&mut self, now: Instant, record: Record, bytes: usize) {
        debug_assert_eq!(self.on_disk, self.next());
        self.items.push_back(Item {
            record: Arc::new(record),
            bytes,
            frame: None,
            put_at: now,
            waiter: None,
        });
        self.bytes += bytes;
        self.on_disk = self.next();
        self.may_drain = self.on_disk;
    }

    /// Takes a record, or refuses it.
    pub(super) fn put(&mut self, now: Instant, new: Incoming, waiter: Option<W>) -> Result<(), Full> {
        let reserve = if new.record.is_step() { RESERVE_BYTES } else { 0 };
        let bytes = new.frame.len();
        if self.bytes + bytes > self.bytes_max + reserve {
            return Err(Full);
        }
        self.bytes += bytes;
        self.items.push_back(Item {
            record: Arc::new(new.record),
            bytes,
            frame: Some(new.frame),
            put_at: now,
            waiter,
        });
        Ok(())
    }

    /// Number that the next record will have.
    pub(super) fn next(&self) -> u64 {
        self.front + self.items.len() as u64
    }
    /// Everything before it the database has.
    pub(super) fn front(&self) -> u64 {
        self.front
    }
    /// There are records that are not on the disk.
    pub(super) fn has_unwritten(&self) -> bool {
        self.on_disk < self.next()
    }
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
    /// When the oldest record that waits was put.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.items.front().map(|item| item.put_at)
    }

    /// The frames that are not on the disk, one after the other, and the number behind the last.
    pub(super) fn unwritten(&self) -> (Vec<u8>, u64) {
        let skip = self.on_disk.saturating_sub(self.front) as usize;
        let frames = self
            .items
            .iter()
            .skip(skip)
            .filter_map(|item| item.frame.as_deref())
            .collect::<Vec<_>>()
            .concat();
        (frames, self.next())
    }

    /// The disk has everything before `until`.
    pub(super) fn written(&mut self, until: u64) -> Vec<Durable<W>> {
        let from = self.on_disk.max(self.front);
        self.on_disk = self.on_disk.max(until);
        self.may_drain = self.may_drain.max(until);
        let (skip, count) = ((from - self.front) as usize, until.saturating_sub(from) as usize);
        let newly = self.items.iter_mut().skip(skip).take(count);
        newly
            .map(|item| {
                item.frame = None;
                Durable {
                    put_at: item.put_at,
                    waiter: item.waiter.take(),
                }
            })
            .collect()
    }

    /// The disk fails: what waits for it goes straight to the database, which makes it durable too.
    pub(super) fn not_written(&mut self) {
        self.may_drain = self.next();
    }

    /// Records for the database, from the front, at most `max`. They stay until [`Self::drained`].
    pub(super) fn head(&self, max: usize) -> Vec<Arc<Record>> {
        let ready = self.may_drain.saturating_sub(self.front) as usize;
        self.items
            .iter()
            .take(ready.min(max))
            .map(|item| Arc::clone(&item.record))
            .collect()
    }

    /// The database has the first `count`. Answers those that become durable by it.
    pub(super) fn drained(&mut self, count: usize) -> Vec<Durable<W>> {
        let mut durable = Vec::new();
        for _ in 0..count {
            let Some(item) = self.items.pop_front() else { break };
            if self.front >= self.on_disk {
                durable.push(Durable {
                    put_at: item.put_at,
                    waiter: item.waiter,
                });
            }
            self.bytes -= item.bytes;
            self.front += 1;
        }
        self.on_disk = self.on_disk.max(self.front);
        self.may_drain = self.may_drain.max(self.front);
        durable
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::clock::monotonic;
    use crate::store::journal::tests::{entry, step};

    fn new(number: i32) -> Incoming {
        Incoming::of(entry(number)).unwrap()
    }
    fn waiters(durable: Vec<Durable<i32>>) -> Vec<i32> {
        durable.into_iter().filter_map(|one| one.waiter).collect()
    }

    #[test]
    fn a_record_is_durable_once_when_the_disk_has_it_and_drains_only_then() {
        let (mut queue, now) = (Queue::new(1 << 20), monotonic());
        for number in 0..3 {
            queue.put(now, new(number), Some(number)).unwrap();
        }
        assert!(queue.head(10).is_empty());
        let (frames, until) = queue.unwritten();
        assert!(!frames.is_empty());
        queue.put(now, new(3), Some(3)).unwrap();
        assert_eq!(waiters(queue.written(until)), [0, 1, 2]);
        assert_eq!(queue.head(10).len(), 3);
        assert!(waiters(queue.drained(2)).is_empty());
        assert_eq!((queue.front(), queue.len()), (2, 2));
        let (_, until) = queue.unwritten();
        assert_eq!(waiters(queue.written(until)), [3]);
        assert!(waiters(queue.drained(2)).is_empty());
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }

    #[test]
    fn where_the_disk_fails_the_database_makes_it_durable() {
        let (mut queue, now) = (Queue::new(1 << 20), monotonic());
        queue.put(now, new(0), Some(0)).unwrap();
        queue.put(now, new(1), Some(1)).unwrap();
        queue.not_written();
        assert_eq!(queue.head(1).len(), 1);
        assert_eq!(waiters(queue.drained(1)), [0]);
        // The disk is back: only what is left is written.
        let (frames, until) = queue.unwritten();
        assert_eq!(frames, frame::encode(&entry(1)).unwrap());
        assert_eq!(waiters(queue.written(until)), [1]);
        assert!(!queue.has_unwritten());
        assert!(waiters(queue.drained(1)).is_empty());
    }

    #[test]
    fn drained_while_the_disk_was_writing_it_is_told_once() {
        let (mut queue, now) = (Queue::new(1 << 20), monotonic());
        queue.put(now, new(0), Some(0)).unwrap();
        queue.not_written();
        let (_, until) = queue.unwritten();
        assert_eq!(waiters(queue.drained(1)), [0]);
        assert!(waiters(queue.written(until)).is_empty());
        queue.put(now, new(1), Some(1)).unwrap();
        assert!(queue.has_unwritten());
        assert!(queue.head(1).is_empty());
    }

    #[test]
    fn full_refuses_entries_but_lets_an_interview_end() {
        let length = frame::encode(&entry(1)).unwrap().len();
        let (mut queue, now) = (Queue::new(3 * length), monotonic());
        for number in 1..=3 {
            queue.put(now, new(number), None::<i32>).unwrap();
        }
        assert_eq!(queue.put(now, new(4), None), Err(Full));
        queue.put(now, Incoming::of(step(5)).unwrap(), None).unwrap();
        assert_eq!(queue.put(now, new(6), None), Err(Full));
        let (_, until) = queue.unwritten();
        queue.written(until);
        queue.drained(2);
        queue.put(now, new(7), None).unwrap();
    }

    #[test]
    fn what_was_found_counts_as_written_whatever_the_bound() {
        let (mut queue, now) = (Queue::<i32>::new(1), monotonic());
        queue.found(now, entry(1), 100);
        queue.found(now, entry(2), 100);
        assert!(!queue.has_unwritten());
        assert_eq!(queue.head(10).len(), 2);
        assert_eq!(queue.put(now, new(3), None), Err(Full));
    }
}
