import { describe, expect, it } from "vitest";
import { speechFrames } from "./speech-frames.js";
import { KEPT_MS_MAX, opusTicks, SpeechRing, STREAMS_MAX, whole } from "./speech-ring.js";

/** SILK, wide band, 20 ms, one frame; then a number to know it by. */
const opus = (n: number) => Uint8Array.of(9 << 3, n >> 8, n & 0xff);
const nOf = (packet: { readonly opus: Uint8Array }) => ((packet.opus[1] ?? 0) << 8) | (packet.opus[2] ?? 0);
const NEAR_WRAP = 2 ** 32 - 5 * 960;
const stamp = (n: number) => (NEAR_WRAP + n * 960) % 2 ** 32;

function filled(count: number, stream = 7): SpeechRing {
  const ring = new SpeechRing();
  for (let n = 0; n < count; n += 1) expect(ring.push(stream, stamp(n), opus(n))).toBe(true);
  return ring;
}

describe("kept speech", () => {
  it("is given by RTP time, across the wrap of the clock", () => {
    const ring = filled(20);
    expect(ring.between(7, stamp(3), stamp(9)).map(nOf)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(ring.between(7, stamp(17), null).map(nOf)).toEqual([17, 18, 19]);
    expect(ring.between(8, stamp(0), null)).toEqual([]);
  });

  it("is forgotten once acknowledged", () => {
    const ring = filled(20);
    ring.acknowledge(7, stamp(12));
    expect(ring.between(7, null, null).map(nOf)).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
    expect(ring.ms).toBe(160);
    ring.acknowledge(7, stamp(2));
    expect(ring.ms).toBe(160);
    ring.acknowledge(7, stamp(20));
    expect([ring.ms, ring.streams]).toEqual([0, [7]]);
    ring.push(8, 0, opus(1));
    ring.acknowledge(7, stamp(20));
    expect(ring.streams).toEqual([8]);
  });

  it("takes a packet once, and only what is Opus", () => {
    const ring = filled(3);
    expect([ring.push(7, stamp(2), opus(2)), ring.push(7, stamp(3), new Uint8Array()), ring.push(7, stamp(3), Uint8Array.of(0xfb, 0x3f))]).toEqual([false, false, false]);
    expect(ring.ms).toBe(60);
  });

  it("is bounded, and says what had to go", () => {
    const ring = filled(KEPT_MS_MAX / 20 + 50);
    expect([ring.ms, ring.lostMs]).toEqual([KEPT_MS_MAX, 1_000]);
    expect(nOf(ring.between(7, null, null)[0] ?? { opus: opus(0) })).toBe(50);
    const large = new SpeechRing();
    for (let n = 0; n < 2_500; n += 1) large.push(7, stamp(n), Uint8Array.of(9 << 3, ...new Uint8Array(1_274)));
    expect(large.ms).toBeLessThan((2_500 - 700) * 20);
    const many = new SpeechRing();
    for (let stream = 0; stream < 20; stream += 1) many.push(stream, 0, opus(stream));
    expect(many.streams).toHaveLength(STREAMS_MAX);
  });

  it("comes back after a reload, before what the new page says", () => {
    const stored = filled(10).stored();
    const ring = new SpeechRing();
    ring.push(9, 500, opus(1));
    ring.restore(structuredClone(stored));
    expect([ring.streams, ring.ms]).toEqual([[7, 9], 220]);
    expect(ring.between(7, null, null).map(nOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("holds what was pushed and not acknowledged, whatever happens", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = dice(seed);
      const ring = new SpeechRing();
      const model: number[] = [];
      let n = 0;
      for (let step = 0; step < 400; step += 1) {
        if (random() < 0.8) {
          n += random() < 0.1 ? 1 + Math.floor(random() * 40) : 1; // a pause, now and then
          ring.push(7, stamp(n), opus(n));
          model.push(n);
        } else {
          const upTo = n - Math.floor(random() * 60);
          ring.acknowledge(7, stamp(upTo));
          while (model[0] !== undefined && model[0] < upTo) model.shift();
        }
        expect(ring.between(7, null, null).map(nOf), `seed ${seed}`).toEqual(model);
        expect(ring.ms, `seed ${seed}`).toBe(model.length * 20);
      }
    }
  });
});

describe("frames of it", () => {
  const read = (buffer: ArrayBuffer) => {
    const view = new DataView(buffer);
    const packets: Uint8Array[] = [];
    for (let at = 20; at < buffer.byteLength; at += 2 + view.getUint16(at)) packets.push(new Uint8Array(buffer.slice(at + 2, at + 2 + view.getUint16(at))));
    return { version: view.getUint8(0), last: view.getUint8(1) === 1, count: view.getUint16(2), stream: view.getUint32(4), timestamp: view.getUint32(16), high: view.getUint32(12), packets };
  };

  it("hold runs without a gap, the last one says that it is", () => {
    const ring = filled(450);
    const frames = speechFrames(7, ring.between(7, stamp(10), null), ring.endOf(7)).map(read);
    expect(frames.map(({ count, last, timestamp }) => [count, last, timestamp])).toEqual([
      [200, false, stamp(10)],
      [200, false, stamp(210)],
      [40, true, stamp(410)],
    ]);
    expect(frames[0]).toMatchObject({ version: 1, stream: 7, high: 2 });
    expect(frames.flatMap(({ packets }) => packets).map((each) => nOf({ opus: each }))).toEqual(Array.from({ length: 440 }, (_, n) => n + 10));
  });

  it("begin anew after a gap, and end with an empty one where less is there than was asked", () => {
    const ring = new SpeechRing();
    for (const n of [0, 1, 5, 6]) ring.push(7, stamp(n), opus(n));
    const until = whole(stamp(9), ring.endOf(7) ?? 0);
    expect(speechFrames(7, ring.between(7, null, null), until).map(read).map(({ count, last, timestamp }) => [count, last, timestamp])).toEqual([
      [2, false, stamp(0)],
      [2, false, stamp(5)],
      [0, true, stamp(9)],
    ]);
    expect(speechFrames(7, [], 960).map(read)).toMatchObject([{ count: 0, last: true, timestamp: 960 }]);
    expect(speechFrames(7, [], null)).toEqual([]);
  });
});

describe("an Opus packet", () => {
  it.each([
    [[0], 480],
    [[3 << 3], 2_880],
    [[13 << 3], 960],
    [[16 << 3], 120],
    [[31 << 3], 960],
    [[(31 << 3) | 1, 0, 0], 1_920],
    [[(31 << 3) | 3, 6], 5_760],
    [[(31 << 3) | 3, 7], null],
    [[], null],
  ])("%j lasts %s", (bytes, ticks) => expect(opusTicks(Uint8Array.from(bytes))).toBe(ticks));
});

/** mulberry32 */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
