//! RTCP on the wire (RFC 3550, 6; RFC 4585, 6.2.1): reading what comes, writing what we say.
//!
//! Is: bytes to items and back, nothing kept. Isn't: any judgement of what is said (`rtcp.rs`), nor SRTCP.
//! **Law:** whatever the bytes, no panic, no read past the end, and at most one [`Item::Malformed`], which ends the reading:
//! where one length lies, what follows cannot be found.

const VERSION: u8 = 0x80;
const SENDER: u8 = 200;
const RECEIVER: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const FEEDBACK: u8 = 205;
const BLOCK: usize = 24;

/// What a compound packet holds, in order.
#[derive(Debug)]
pub enum Item<'a> {
    /// SR.
    SenderReport {
        /// Who sends.
        ssrc: u32,
        /// Its clocks and counts.
        info: SenderInfo,
        /// What it receives.
        blocks: Blocks<'a>,
    },
    /// RR.
    ReceiverReport {
        /// What it receives.
        blocks: Blocks<'a>,
    },
    /// Generic NACK.
    Nack {
        /// The source whose packets are missed.
        media: u32,
        /// Their numbers.
        lost: Lost<'a>,
    },
    /// BYE.
    Bye,
    /// SDES, APP, other feedback, types not known.
    Other {
        /// Its packet type.
        kind: u8,
    },
    /// Lengths or versions that lie.
    Malformed,
}

/// A sender's clocks and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock, NTP format.
    pub ntp: u64,
    /// The RTP clock at the same moment.
    pub ts: u32,
    /// Packets sent, wrapping.
    pub packets: u32,
    /// Bytes of payload sent, wrapping.
    pub octets: u32,
}

/// What is received of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction: u8,
    /// Lost in all, 24 bits with sign.
    pub lost: i32,
    /// Highest sequence number with its wraps above.
    pub newest: u32,
    /// Interarrival jitter in ticks.
    pub jitter: u32,
    /// The middle 32 bits of the last SR's NTP time; 0 for none.
    pub last_sr: u32,
    /// Time since that SR came, in 1/65536 s.
    pub delay: u32,
}

/// Reads a compound packet.
pub fn parse(compound: &[u8]) -> Items<'_> {
    Items { rest: compound }
}

/// See [`parse`].
#[derive(Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut self.rest);
        let Some((kind, count, body, after)) = split(rest) else {
            return Some(Item::Malformed);
        };
        let item = read(kind, count, body).unwrap_or(Item::Malformed);
        if !matches!(item, Item::Malformed) {
            self.rest = after;
        }
        Some(item)
    }
}

/// Report blocks, as many as fit.
#[derive(Debug)]
pub struct Blocks<'a>(std::slice::ChunksExact<'a, u8>);

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let block = self.0.next()?;
        let lost = word(block, 4)?;
        Some(ReportBlock {
            ssrc: word(block, 0)?,
            fraction: (lost >> 24) as u8,
            lost: (lost << 8) as i32 >> 8,
            newest: word(block, 8)?,
            jitter: word(block, 12)?,
            last_sr: word(block, 16)?,
            delay: word(block, 20)?,
        })
    }
}

/// Sequence numbers of a generic NACK: each pair names one, and up to sixteen after it.
#[derive(Debug)]
pub struct Lost<'a> {
    pairs: std::slice::ChunksExact<'a, u8>,
    first: u16,
    /// Bit 0 is `first` itself.
    left: u32,
}

impl Iterator for Lost<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.left == 0 {
            let pair = word(self.pairs.next()?, 0)?;
            (self.first, self.left) = ((pair >> 16) as u16, (pair & 0xffff) << 1 | 1);
        }
        let step = self.left.trailing_zeros();
        self.left &= self.left - 1;
        Some(self.first.wrapping_add(step as u16))
    }
}

/// Type, count, body without padding, and what follows.
fn split(rest: &[u8]) -> Option<(u8, usize, &[u8], &[u8])> {
    let head: &[u8; 4] = rest.first_chunk()?;
    if head[0] >> 6 != 2 {
        return None;
    }
    let len = 4 + usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
    let (packet, after) = rest.split_at_checked(len)?;
    let mut body = packet.get(4..)?;
    if head[0] & 0x20 != 0 {
        // RFC 3550, 6.4.1: only the last packet of a compound is padded.
        let padding = usize::from(*body.last()?);
        if padding == 0 || !after.is_empty() {
            return None;
        }
        body = body.get(..body.len().checked_sub(padding)?)?;
    }
    Some((head[1], usize::from(head[0] & 0x1f), body, after))
}

fn read(kind: u8, count: usize, body: &[u8]) -> Option<Item<'_>> {
    let blocks = |at: usize| Some(Blocks(body.get(at..at + count * BLOCK)?.chunks_exact(BLOCK)));
    Some(match (kind, count) {
        (SENDER, _) => {
            let info = SenderInfo {
                ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
                ts: word(body, 12)?,
                packets: word(body, 16)?,
                octets: word(body, 20)?,
            };
            Item::SenderReport {
                ssrc: word(body, 0)?,
                info,
                blocks: blocks(24)?,
            }
        }
        (RECEIVER, _) => Item::ReceiverReport { blocks: blocks(4)? },
        (FEEDBACK, 1) => {
            let pairs = body.get(8..)?.chunks_exact(4);
            Item::Nack {
                media: word(body, 4)?,
                lost: Lost {
                    pairs,
                    first: 0,
                    left: 0,
                },
            }
        }
        (GOODBYE, _) => Item::Bye,
        (kind, _) => Item::Other { kind },
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

/// Appends an SR.
pub fn write_sr(out: &mut Vec<u8>, ssrc: u32, info: &SenderInfo, block: Option<&ReportBlock>) {
    let at = open(out, SENDER, u8::from(block.is_some()));
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&info.ntp.to_be_bytes());
    for value in [info.ts, info.packets, info.octets] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    write_block(out, block);
    close(out, at);
}

/// Appends an RR.
pub fn write_rr(out: &mut Vec<u8>, ssrc: u32, block: Option<&ReportBlock>) {
    let at = open(out, RECEIVER, u8::from(block.is_some()));
    out.extend_from_slice(&ssrc.to_be_bytes());
    write_block(out, block);
    close(out, at);
}

/// Appends an SDES with a CNAME of at most 255 bytes.
pub fn write_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let at = open(out, DESCRIPTION, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
    let cname = cname.as_bytes();
    let cname = cname.get(..255).unwrap_or(cname);
    out.extend_from_slice(&[1, cname.len() as u8]);
    out.extend_from_slice(cname);
    // One zero ends the chunk, more fill the word (RFC 3550, 6.5).
    out.push(0);
    out.resize(at + (out.len() - at).next_multiple_of(4), 0);
    close(out, at);
}

/// Appends a BYE.
pub fn write_bye(out: &mut Vec<u8>, ssrc: u32) {
    let at = open(out, GOODBYE, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
    close(out, at);
}

fn write_block(out: &mut Vec<u8>, block: Option<&ReportBlock>) {
    let Some(block) = block else { return };
    let lost = u32::from(block.fraction) << 24 | block.lost as u32 & 0x00ff_ffff;
    for value in [block.ssrc, lost, block.newest, block.jitter, block.last_sr, block.delay] {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn open(out: &mut Vec<u8>, kind: u8, count: u8) -> usize {
    let at = out.len();
    out.extend_from_slice(&[VERSION | count, kind, 0, 0]);
    at
}

fn close(out: &mut [u8], at: usize) {
    let words = ((out.len() - at) / 4 - 1) as u16;
    if let Some(len) = out.get_mut(at + 2..at + 4) {
        len.copy_from_slice(&words.to_be_bytes());
    }
}
