//! What a process has used, as the kernel counts it.

use std::time::Duration;

/// A moment's figures of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode since its start, all threads.
    pub user: Duration,
    /// CPU time in the kernel.
    pub system: Duration,
    /// Resident memory, in KiB.
    pub resident_kib: u64,
}

impl Usage {
    /// Both kinds of CPU time.
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Reads `/proc`; `None` if the process is gone.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let (user, system) = cpu(&stat)?;
    Some(Usage {
        user,
        system,
        resident_kib: resident(&status)?,
    })
}

/// utime and stime, fields 14 and 15 of `stat` (proc(5)), in ticks of 10 ms. The name, field 2, may hold anything.
fn cpu(stat: &str) -> Option<(Duration, Duration)> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let mut ticks = || Some(Duration::from_millis(fields.next()?.parse::<u64>().ok()? * 10));
    Some((ticks()?, ticks()?))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "77 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 4 0 1";
        assert_eq!(
            cpu(stat),
            Some((Duration::from_millis(1500), Duration::from_millis(250)))
        );
        assert_eq!(resident("Name:\tx\nVmRSS:\t    5120 kB\n"), Some(5120));
        let own = usage(std::process::id()).unwrap();
        assert!(own.resident_kib > 500);
    }
}
