//! The journal's files: written, synced, read back at the start, removed once drained.
//!
//! Is: names, files, fsync, of one folder that one process holds at a time. Isn't: what is in them (`frame.rs`) or when
//! (`writer.rs`). Files are of full length from the start and written over: a sync of an append must also commit the file
//! system's own journal, with what every other process wrote to it. Measured beside compilers that took both cores: the
//! median from put to durable was 2.9 ms by appending, 1.2 ms by writing over. What is drained becomes zeros again.
//!
//! **Law:** a file is removed only when the database has all of it; after a failed write or sync a file is
//! never written again, since what the kernel kept of it is unknown. Files are readable by their owner alone: they hold
//! what people said.

use super::frame::{self, MAGIC};
use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const SUFFIX: &str = "journal";
/// Where the first frame goes.
const HEAD: u64 = MAGIC.len() as u64;

/// The folder of the journal, held.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as we live; the kernel lets go of it when the process dies.
    _lock: File,
    next_number: u64,
    /// Oldest first, none of them written to any more.
    closed: VecDeque<Closed>,
    active: Option<Active>,
}

#[derive(Debug)]
struct Closed {
    path: PathBuf,
    /// When the database has all records before this one, the file may go.
    until: u64,
}

#[derive(Debug)]
struct Active {
    path: PathBuf,
    file: File,
    /// Where the next frame goes. Behind it there are zeros.
    end: u64,
    until: u64,
}

/// What the files held when the folder was opened.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Files, oldest first.
    pub(super) files: Vec<(PathBuf, frame::Contents)>,
}

impl Folder {
    /// Takes the folder and reads what a former process left in it.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Left)> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::from(io::ErrorKind::ResourceBusy)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut numbered: Vec<(u64, PathBuf)> = Vec::new();
        for file in std::fs::read_dir(path)? {
            let file = file?.path();
            if let Some(number) = number_of(&file) {
                numbered.push((number, file));
            }
        }
        numbered.sort();
        let next_number = numbered.last().map_or(1, |(number, _)| number + 1);
        let mut left = Left::default();
        for (_, path) in numbered {
            let mut bytes = Vec::new();
            File::open(&path)?.read_to_end(&mut bytes)?;
            let contents = frame::decode(&bytes);
            if contents.foreign {
                // Not ours to read or to remove: a newer version's, perhaps, before a step back.
                std::fs::rename(&path, path.with_extension("foreign"))?;
            } else {
                left.files.push((path, contents));
            }
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
            next_number,
            closed: VecDeque::new(),
            active: None,
        };
        Ok((folder, left))
    }

    /// A file found at the start holds records before `until`.
    pub(super) fn adopt(&mut self, path: PathBuf, until: u64) {
        self.closed.push_back(Closed { path, until });
    }

    /// Appends frames, whose last record is the one before `until`, and has them on the disk when it returns.
    pub(super) fn append(&mut self, frames: &[u8], until: u64, segment_bytes_max: u64) -> io::Result<()> {
        let is_full =
            |active: &Active| active.end > HEAD && active.end + frames.len() as u64 > HEAD + segment_bytes_max;
        if self.active.as_ref().is_some_and(is_full) {
            self.close_active();
        }
        let result = self.append_to_active(frames, until, segment_bytes_max);
        if result.is_err() {
            // What arrived of it is unknown. It stays until the database has the records; they go to another file.
            self.close_active();
            if let Some(closed) = self.closed.back_mut() {
                closed.until = closed.until.max(until);
            }
        }
        result
    }

    fn append_to_active(&mut self, frames: &[u8], until: u64, segment_bytes_max: u64) -> io::Result<()> {
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.new_active(until, segment_bytes_max)?,
        };
        active.until = until;
        let written = active
            .file
            .write_all_at(frames, active.end)
            .and_then(|()| active.file.sync_data());
        active.end += frames.len() as u64;
        self.active = Some(active);
        written
    }

    fn new_active(&mut self, until: u64, segment_bytes_max: u64) -> io::Result<Active> {
        let path = self.path.join(format!("{:012}.{SUFFIX}", self.next_number));
        self.next_number += 1;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        let begun = (|| {
            file.write_all(MAGIC)?;
            // Zeros and not `fallocate`: blocks that were never written cost the file system's journal too.
            io::copy(&mut io::repeat(0).take(segment_bytes_max), &mut file)?;
            file.sync_all()?;
            File::open(&self.path)?.sync_all()
        })();
        if let Err(error) = begun {
            // It holds nothing, and on a full disk it would be in the way of what is tried next.
            let _ = remove(&path);
            return Err(error);
        }
        Ok(Active {
            path,
            file,
            end: HEAD,
            until,
        })
    }

    fn close_active(&mut self) {
        if let Some(active) = self.active.take() {
            self.closed.push_back(Closed {
                path: active.path,
                until: active.until,
            });
        }
    }

    /// The database has every record before `drained`: what holds only such ones goes.
    pub(super) fn drained(&mut self, drained: u64) -> io::Result<()> {
        while self.closed.front().is_some_and(|closed| closed.until <= drained) {
            if let Some(closed) = self.closed.pop_front() {
                remove(&closed.path)?;
            }
        }
        // Emptied rather than removed: an interview's pauses would otherwise make and remove files all day. Not synced: the
        // next frame's sync brings it along, and until then a crash would show records that the database knows.
        if let Some(active) = &mut self.active
            && active.until <= drained
            && active.end > HEAD
        {
            let zeros = vec![0; usize::try_from(active.end - HEAD).unwrap_or_default()];
            if let Err(error) = active.file.write_all_at(&zeros, HEAD) {
                self.close_active();
                return Err(error);
            }
            active.end = HEAD;
        }
        Ok(())
    }

    /// Leaves the folder as it is; an empty file goes.
    pub(super) fn close(mut self, drained: u64) {
        self.close_active();
        // Nothing depends on it: what is left is read at the next start.
        let _ = self.drained(drained);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn number_of(path: &Path) -> Option<u64> {
    if path.extension()?.to_str()? != SUFFIX {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}
