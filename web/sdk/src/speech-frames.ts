/**
 * Binary frames of `vivavoce.v1`: the candidate's own speech, kept while it could not be sent.
 *
 * Is: the layout (the relay's `signaling/src/speech.rs` has its table). Isn't: which speech, or when.
 */

import type { Packet } from "./speech-ring.js";

const HEADER_BYTES = 20;
const VERSION = 1;
const LAST = 1;
/** Packets in a frame: 4 s of speech. Small enough for the relay to begin while the rest is on its way. */
export const FRAME_PACKETS_MAX = 200;
/** Far below the 256 KiB that close the socket. */
export const FRAME_BYTES_MAX = 64 * 1024;

/**
 * Frames for packets in order; each frame has no gap in it. `until`: nothing more is coming that was spoken before this time,
 * said by the last frame, which may be empty.
 */
export function speechFrames(stream: number, packets: readonly Packet[], until: number | null): ArrayBuffer[] {
  const runs: Packet[][] = [];
  let run: Packet[] = [];
  let bytes = 0;
  let end: number | null = null;
  for (const packet of packets) {
    if (packet.time !== end || run.length >= FRAME_PACKETS_MAX || bytes + packet.opus.byteLength > FRAME_BYTES_MAX) {
      run = [];
      runs.push(run);
      bytes = HEADER_BYTES;
    }
    run.push(packet);
    bytes += 2 + packet.opus.byteLength;
    end = packet.time + packet.ticks;
  }
  const frames = runs.map((each) => frame(stream, each, each[0]?.time ?? 0, until !== null && end === until && each === run));
  // Where what was asked for goes on beyond the last packet, an empty frame says that there is no more of it.
  if (until !== null && end !== until) frames.push(frame(stream, [], until, true));
  return frames;
}

function frame(stream: number, packets: readonly Packet[], time: number, last: boolean): ArrayBuffer {
  const bytes = packets.reduce((sum, { opus }) => sum + 2 + opus.byteLength, HEADER_BYTES);
  const buffer = new ArrayBuffer(bytes);
  const view = new DataView(buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, last ? LAST : 0);
  view.setUint16(2, packets.length);
  view.setUint32(4, stream);
  view.setUint32(8, Math.floor(time / 960) % 2 ** 31);
  view.setUint32(12, Math.floor(time / 2 ** 32));
  view.setUint32(16, time % 2 ** 32);
  let at = HEADER_BYTES;
  for (const { opus } of packets) {
    view.setUint16(at, opus.byteLength);
    new Uint8Array(buffer, at + 2).set(opus);
    at += 2 + opus.byteLength;
  }
  return buffer;
}
