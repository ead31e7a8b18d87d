//! The disk that a world's data is on, which can be full: a file system of memory that this thread, and who comes of it, alone has.

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::statvfs::statvfs,
};
use std::path::{Path, PathBuf};

/// As much as nothing of the world's comes near.
const ROOM: &str = "size=4g";
const NONE: Option<&str> = None;

pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// At that folder. `None` where this may not be done, which takes root.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        unshare(CloneFlags::CLONE_NEWNS).ok()?;
        mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).ok()?;
        mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(ROOM)).ok()?;
        Some(Self { at: at.to_owned() })
    }

    /// Nothing more goes on it.
    pub(crate) fn fill(&self) {
        loop {
            let now = statvfs(&self.at).expect("it is there");
            let used = (now.blocks() - now.blocks_free()) * now.fragment_size();
            // somebody may have written in between: it would be too small for what it has
            if self.resize(&format!("size={used}")).is_ok() {
                return;
            }
        }
    }

    pub(crate) fn make_room(&self) {
        self.resize(ROOM).expect("it has another size");
    }

    fn resize(&self, size: &str) -> nix::Result<()> {
        mount(NONE, &self.at, NONE, MsFlags::MS_REMOUNT, Some(size))
    }
}
