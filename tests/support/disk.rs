//! A small disk that can be full.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A disk of a few MiB, unmounted on drop.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    pub fn mount(at: &Path, mib: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mib}m,mode=0777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .status();
        assert!(
            mounted.unwrap().success(),
            "these tests mount a small disk, which takes root"
        );
        Self { at: at.to_owned() }
    }

    pub fn fill(&self) {
        let mut file = File::create(self.at.join("filler")).unwrap();
        let block = vec![7_u8; 4096];
        while file.write_all(&block).is_ok() {}
    }

    pub fn make_room(&self) {
        std::fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
