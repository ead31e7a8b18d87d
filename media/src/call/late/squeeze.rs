//! Silence among what a browser has kept is left out, so that live speech does not wait behind it (pure).
//!
//! Is: a judgement of packets that say by their length that they are silence. Isn't: a listener; who gives speech to the call
//! ([`crate::Call::kept`]) may write silence so.
//! **Law:** the first [`HEAD_MS`] of a silence stay, whatever is sound stays, and order is kept.

use crate::{
    hold::QUIET_LEN_MAX,
    rtp::{TICKS_PER_MS, opus_ticks},
};

/// What stays of a silence, beside what its giver has left in as it was: enough to end a word.
const HEAD_MS: u32 = 200;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    /// On.
    On,
    /// On, and it joins on to what went before: there was silence in between.
    Joins,
    /// Nowhere.
    Nowhere,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Squeeze {
    /// Of the silence that is going on, in ticks.
    silent: u32,
    is_cut: bool,
}

impl Squeeze {
    /// The next packet's payload.
    pub(super) fn goes(&mut self, payload: &[u8]) -> Goes {
        if payload.len() > QUIET_LEN_MAX {
            self.silent = 0;
            return if std::mem::take(&mut self.is_cut) {
                Goes::Joins
            } else {
                Goes::On
            };
        }
        self.silent = self.silent.saturating_add(opus_ticks(payload).unwrap_or(0));
        if self.silent <= HEAD_MS * TICKS_PER_MS {
            return Goes::On;
        }
        self.is_cut = true;
        Goes::Nowhere
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use bytes::Bytes;

    const SOUND: &[u8] = &[9 << 3, 1, 2, 3];
    /// As the session writes it, and as an encoder with DTX does.
    const SILENT: [&[u8]; 2] = [&[9 << 3], &[9 << 3, 0]];

    #[test]
    fn of_a_silence_its_head_stays_and_what_follows_joins_on() {
        for silent in SILENT {
            let mut squeeze = Squeeze::default();
            let all = [vec![SOUND; 3], vec![silent; 500], vec![SOUND; 2]].concat();
            let gone: Vec<Goes> = all.iter().map(|payload| squeeze.goes(payload)).collect();
            assert_eq!(gone[..13], [Goes::On; 13], "three of sound, and 200 ms");
            assert_eq!(gone[13..503], [Goes::Nowhere; 490]);
            assert_eq!(gone[503..], [Goes::Joins, Goes::On]);
        }
    }

    #[test]
    fn a_short_silence_stays() {
        let mut squeeze = Squeeze::default();
        let all = [vec![SOUND; 1], vec![SILENT[0]; 10], vec![SOUND; 1]].concat().repeat(3);
        assert!(all.iter().all(|payload| squeeze.goes(payload) == Goes::On));
    }
    #[test]
    fn what_follows_is_another_source_and_nothing_is_lacking() {
        #[expect(clippy::disallowed_methods, reason = "an origin for a virtual clock")]
        let now = Instant::now();
        let mut late = Late::new(now);
        late.set_kept(now, true);
        let live = |late: &mut Late, n: u16| {
            let fields = [&u32::from(n).wrapping_mul(960).to_be_bytes()[..], &[0, 0, 0, 7]].concat();
            let packet = [&[0x80, 111][..], &n.to_be_bytes(), &fields, SOUND].concat();
            let header = Header::parse(&packet)?;
            let way = late.live(now + Duration::from_millis(20) * n.into(), 1, &header, &packet);
            (way == Way::Wait).then(|| late.wait(1, &packet))
        };
        assert_eq!(live(&mut late, 0), None);
        assert_eq!(live(&mut late, 200), Some(false), "it waits behind a gap");
        let is_silent = |n: &u16| (10..190).contains(n);
        let payload = |n| Bytes::from_static(if is_silent(&n) { SILENT[0] } else { SOUND });
        let kept = Kept {
            stream: 7,
            time: 960,
            packets: (1..200).map(payload).collect(),
            is_last: true,
        };
        let on = late.kept(now + Duration::from_secs(4), &kept);
        let sources: Vec<Source> = on.iter().map(|(source, _)| *source).collect();
        assert_eq!(sources.len(), 9 + 10 + 10);
        assert_eq!(sources[..19], [sources[0]; 19]);
        assert_eq!(sources[19..], [sources[28]; 10]);
        assert!(sources[0].0 < sources[28].0, "so that it joins on");
        assert!(late.is_whole());
        let live = late.open(now + Duration::from_secs(4));
        assert!(live[0].0.0 > sources[28].0);
    }
}
