//! What a fault does to an interview, and when it is over.

use crate::{net::Weather, one::One, schedule::Fault, world::now};
use std::time::{Duration, Instant};

/// From a kill to another, where the front had nobody to lead to.
const RESTART: Duration = Duration::from_millis(300);

/// What is to be done to processes; it waits for the server's runtime.
pub(crate) enum Deed {
    /// It dies, and is started again after so long.
    Kill(Duration),
    /// It dies, and the front leads to the other after so long.
    TakeOver(Duration),
    /// It is told to stop, and the front leads to the other.
    Terminate,
    /// Somebody takes the database's lock.
    Lock,
}

impl One<'_> {
    /// Until there is a process, and what it needs.
    pub(crate) async fn lives(&mut self) {
        while !self.deeds.is_empty() || self.is_without() {
            self.step().await;
        }
    }

    /// A process, its database or its disk is away.
    fn is_without(&self) -> bool {
        let away = [self.starts_at, self.led_at, self.store_at, self.disk_at];
        away.iter().any(Option::is_some)
    }

    /// What was said is on this machine's disk alone, or not even there: nobody else could know of it.
    fn is_unstored(&self) -> bool {
        let app = self.world.processes.app();
        app.is_some_and(|app| app.journal.status().queued > 0)
    }

    /// The same, where disk and database are well: it takes as long as the machine's disk does, which is slow where others use it.
    pub(crate) fn is_on_its_way_to_the_disk(&self) -> bool {
        if self.is_without() {
            return false;
        }
        let status = self.world.processes.app().map(|app| app.journal.status());
        status.is_some_and(|status| status.queued > 0 && status.disk_ok && status.database_ok)
    }

    /// The fault has to wait.
    fn waits(&self, fault: Fault) -> bool {
        let is_of_a_process = matches!(fault, Fault::Killed(_) | Fault::TakenOver(_) | Fault::Terminated);
        if is_of_a_process && !self.deeds.is_empty() {
            return true; // one after the other: who is to lead is known only when that is done
        }
        match fault {
            // by how much it is set while no process lives, nobody knows
            Fault::ClockJumps(_) => self.starts_at.is_some() || self.world.processes.sessions() == 0,
            // who is dead does not die; what is in memory alone, as there is no disk for it, dies with it
            Fault::Killed(_) => self.starts_at.is_some() || self.led_at.is_some() || self.is_out_of_disk(),
            // what the dead one's disk has is nobody else's
            Fault::TakenOver(_) | Fault::Terminated => self.is_without() || self.is_unstored(),
            // who hands over needs the database
            Fault::StoreAway(_) => self.world.processes.is_stopping(),
            // a sound that is torn in two would be heard twice
            Fault::Reloads | Fault::SecondTab | Fault::Microphone(_) => self.browser.is_in_a_digit(),
            // and so would one whose other half comes when the first was answered
            Fault::Away(_) | Fault::BothLegs => !self.browser.is_between_digits(),
            _ => false,
        }
    }

    fn is_out_of_disk(&self) -> bool {
        let app = self.world.processes.app();
        self.disk_at.is_some() || app.is_some_and(|app| !app.journal.status().disk_ok)
    }

    /// What is due to be done to processes.
    pub(crate) async fn deeds(&mut self) {
        self.world.processes.bury().await;
        for deed in std::mem::take(&mut self.deeds) {
            let processes = &mut self.world.processes;
            match deed {
                Deed::Lock => processes.lock_store().await,
                Deed::Terminate if processes.has_other() => {
                    processes.terminate().await;
                    self.browser.wire.lead_to(self.world.processes.http());
                }
                Deed::TakeOver(after) if processes.has_other() => {
                    processes.kill().await;
                    self.held = None;
                    self.led_at = Some(now() + after);
                }
                Deed::Kill(after) => {
                    processes.kill().await;
                    self.held = None;
                    self.starts_at = Some(now() + after);
                }
                Deed::Terminate | Deed::TakeOver(_) => {
                    processes.kill().await;
                    self.held = None;
                    self.starts_at = Some(now() + RESTART);
                }
            }
        }
        if self.store_at.is_some_and(|at| at <= now()) {
            self.store_at = None;
            self.world.processes.free_store().await;
        }
        if self.led_at.is_some_and(|at| at <= now()) {
            self.led_at = None;
            self.world.processes.lead_to_other();
            self.browser.wire.lead_to(self.world.processes.http());
        }
        if self.starts_at.is_some_and(|at| at <= now()) {
            self.starts_at = None;
            self.world.processes.start().await;
        }
    }

    pub(crate) fn strike(&mut self, at: Instant) {
        if self.disk_at.is_some_and(|back| at >= back) {
            self.disk_at = None;
            self.world.disk.as_ref().expect("it was full").make_room();
        }
        if self.back_at.is_some_and(|back| at >= back) {
            self.back_at = None;
            self.net.is_cut = false;
            self.browser.wire.cut(false);
            self.browser.wire.break_all();
        }
        let Some(begun) = self.begun else { return };
        let due = |(after, fault): &&(u64, Fault)| at >= begun + Duration::from_millis(*after) && !self.waits(*fault);
        let Some((_, fault)) = self.schedule.faults.first().filter(due).copied() else {
            return;
        };
        self.schedule.faults.remove(0);
        let is_struck = match fault {
            Fault::Rotates(_) => self.calls.len() > 1,
            Fault::DiskFull(_) => self.world.disk.is_some(),
            _ => true,
        };
        self.struck.extend(is_struck.then_some(fault));
        match fault {
            Fault::AiVanishes => self.calls.iter_mut().for_each(|call| call.is_gone = true),
            Fault::AiCloses => self.ai_closes(at),
            Fault::AiExpires => self.calls.iter_mut().for_each(|call| call.expire(at)),
            Fault::AiRefuses(seconds) => {
                self.lasts += Duration::from_secs(seconds);
                self.refuses_until = Some(at + Duration::from_secs(seconds));
                self.ai_closes(at);
            }
            Fault::AiStalls(answers) => self.calls.iter_mut().for_each(|call| call.stall(at, answers)),
            Fault::Rotates(_) => {}
            Fault::Moves => self.net.rebind(),
            Fault::Away(seconds) => self.goes_away(at, seconds),
            Fault::BothLegs => {
                self.calls.iter_mut().for_each(|call| call.is_gone = true);
                self.goes_away(at, 2);
            }
            Fault::Killed(ms) => self.deeds.push(Deed::Kill(Duration::from_millis(ms))),
            Fault::TakenOver(ms) => self.deeds.push(Deed::TakeOver(Duration::from_millis(ms))),
            Fault::Terminated => self.deeds.push(Deed::Terminate),
            Fault::StoreAway(seconds) => {
                self.lasts += Duration::from_secs(seconds);
                let back = at + Duration::from_secs(seconds);
                self.store_at = Some(self.store_at.map_or(back, |known| known.max(back)));
                self.deeds.push(Deed::Lock);
            }
            Fault::DiskFull(seconds) => {
                if self.is_without() || self.world.processes.sessions() == 0 {
                    self.lasts += Duration::from_secs(seconds); // nobody takes a session over whose database cannot be written
                }
                if let Some(disk) = &self.world.disk {
                    disk.fill();
                    let back = at + Duration::from_secs(seconds);
                    self.disk_at = Some(self.disk_at.map_or(back, |known| known.max(back)));
                }
            }
            Fault::Microphone(seconds) => {
                self.lasts += Duration::from_secs(seconds);
                self.mic_at = Some(at + Duration::from_secs(seconds));
            }
            Fault::ClockJumps(seconds) => {
                vivavoce::clock::follow_the_runtime(vivavoce::clock::wall() + time::Duration::seconds(seconds));
            }
            Fault::SocketBreaks => self.browser.wire.break_all(),
            Fault::Reloads => self.browser.another_page(at, true),
            // what the first keeps it puts on the shelf, which they share, as it is replaced
            Fault::SecondTab => self.browser.another_page(at, false),
            Fault::Weather => {
                self.net.weather = Weather {
                    lost: 0,
                    doubled: 10,
                    late: 30,
                };
            }
        }
    }

    /// Whoever has vanished does not say so.
    fn ai_closes(&mut self, at: Instant) {
        let calls = self.calls.iter_mut().filter(|call| !call.is_gone);
        calls.for_each(|call| call.far.close(at));
    }

    fn goes_away(&mut self, at: Instant, seconds: u64) {
        self.lasts += Duration::from_secs(seconds);
        self.net.is_cut = true;
        self.browser.wire.cut(true);
        let back = at + Duration::from_secs(seconds);
        self.back_at = Some(self.back_at.map_or(back, |known| known.max(back)));
    }
}
