//! How a record lies in a journal's file, and what of a file can be believed.
//!
//! Is: pure bytes. Isn't: files (`segment.rs`). **Law:** a frame is read whole and unharmed, or not at all; behind the
//! first frame that is not, nothing is believed, since that is where the process died in the midst of a write.
//!
//! A file is [`MAGIC`], then frames, then zeros. A frame is the length of its payload (u32, little-endian), the payload's
//! CRC-32C (u32, little-endian), the payload: the [`Record`] as JSON.

use super::Record;
use crc::{CRC_32_ISCSI, Crc};

/// What each file begins with; the digit is the format's version.
pub(super) const MAGIC: &[u8; 8] = b"vvjrnl1\n";
/// No frame is longer: a length beyond it is a torn one.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;
const HEAD_BYTES: usize = 8;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A record as a frame; None if it is longer than a frame may be.
pub(super) fn encode(record: &Record) -> Option<Vec<u8>> {
    let mut frame = vec![0; HEAD_BYTES];
    serde_json::to_writer(&mut frame, record).ok()?;
    let (head, payload) = frame.split_at_mut(HEAD_BYTES);
    if payload.len() > PAYLOAD_BYTES_MAX {
        return None;
    }
    let length = u32::try_from(payload.len()).ok()?;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&CRC.checksum(payload).to_le_bytes());
    Some(frame)
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Records, oldest first, each with the length of its frame in bytes.
    pub(super) records: Vec<(Record, usize)>,
    /// Whole payloads that this version cannot read.
    pub(super) strange: Vec<Vec<u8>>,
    /// Bytes behind the last whole frame that are not the zeros of a file's unused end.
    pub(super) torn_bytes: usize,
    /// The file is not ours, or another version's.
    pub(super) foreign: bool,
}

/// Reads what can be believed of a file.
pub(super) fn decode(file: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let Some(mut rest) = file.strip_prefix(MAGIC.as_slice()) else {
        // A file whose first bytes never arrived is torn, not foreign.
        let begun = without_zeros(file);
        contents.foreign = !MAGIC.starts_with(begun);
        contents.torn_bytes = if contents.foreign { 0 } else { begun.len() };
        return contents;
    };
    while let Some((payload, behind)) = first_frame(rest) {
        match serde_json::from_slice(payload) {
            Ok(record) => contents.records.push((record, HEAD_BYTES + payload.len())),
            Err(_) => contents.strange.push(payload.to_vec()),
        }
        rest = behind;
    }
    contents.torn_bytes = without_zeros(rest).len();
    contents
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

fn first_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length == 0 || length > PAYLOAD_BYTES_MAX {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length)?;
    (CRC.checksum(payload) == u32::from_le_bytes(*crc)).then_some((payload, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::store::journal::tests::{entry, event, step};
    use proptest::prelude::*;

    fn file(records: &[Record]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        for record in records {
            file.extend(encode(record).unwrap());
        }
        file
    }

    #[test]
    fn every_kind_of_record_comes_back() {
        let records = [entry(1), step(2), event(3), entry(4)];
        let contents = decode(&file(&records));
        assert!(contents.records.iter().map(|(record, _)| record).eq(&records));
        assert_eq!(
            (contents.torn_bytes, contents.foreign, contents.strange.len()),
            (0, false, 0)
        );
    }

    #[test]
    fn cut_anywhere_the_whole_frames_before_the_cut_are_there() {
        let records = [entry(1), step(2), event(3)];
        let whole = file(&records);
        let ends: Vec<usize> = (0..=records.len()).map(|count| file(&records[..count]).len()).collect();
        for cut in 0..=whole.len() {
            let contents = decode(&whole[..cut]);
            let expected = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
            assert_eq!(contents.records.len(), expected, "cut at {cut}");
            assert!(!contents.foreign, "cut at {cut}");
        }
    }

    #[test]
    fn a_foreign_file_is_named_so_and_zeros_are_an_empty_one() {
        assert!(decode(b"vvjrnl2\nwhatever").foreign);
        assert!(decode(b"PK\x03\x04").foreign);
        let zeros = decode(&[0; 4096]);
        assert_eq!((zeros.foreign, zeros.torn_bytes), (false, 0));
        let begun = decode(b"vvjr\0\0\0\0\0\0");
        assert_eq!((begun.foreign, begun.torn_bytes), (false, 4));
    }

    #[test]
    fn a_record_of_another_version_is_set_aside_and_hides_nothing() {
        let payload = br#"{"Hologram":[1]}"#;
        let mut bytes = file(&[entry(1)]);
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend(CRC.checksum(payload).to_le_bytes());
        bytes.extend(payload);
        bytes.extend(encode(&entry(2)).unwrap());
        let contents = decode(&bytes);
        assert_eq!(
            (contents.records.len(), contents.strange.len(), contents.torn_bytes),
            (2, 1, 0)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend(bytes);
            let _ = decode(&with_magic);
        }

        #[test]
        fn a_flipped_bit_is_never_believed(at in 8_usize..200, bit in 0_u8..8) {
            let records = [entry(1), entry(2)];
            let mut bytes = file(&records);
            prop_assume!(at < bytes.len());
            bytes[at] ^= 1 << bit;
            for (record, _) in decode(&bytes).records {
                prop_assert!(records.contains(&record));
            }
        }
    }
}
