/** What is said while the network is away, from the microphone's packets to the frames on the socket. */

import { describe, expect, it } from "vitest";
import { SOCKET_MS_MAX } from "./interview.js";
import { SHELVE_MS_MIN } from "./keeper.js";
import { OVERLAP_MS_MAX } from "./peers.js";
import { PULSE_MS, SILENT_MS } from "./pulse.js";
import { joined, microphone, must, settled, WELCOME, World } from "./testing/world.js";
import type { FakePeer, FakeSocket } from "./testing/world.js";

const opus = (n: number) => Uint8Array.of(9 << 3, n);

function speaks(peer: FakePeer, stream: number, from: number, to: number): void {
  for (let n = from; n < to; n += 1) peer.handlers.speech(stream, n * 960, opus(n));
}

/** Stream, packets' numbers and whether it is the last, of each frame. */
function frames(socket: FakeSocket): [number, number[], boolean][] {
  return socket.binary.map((buffer) => {
    const view = new DataView(buffer);
    const numbers: number[] = [];
    for (let at = 20; at < buffer.byteLength; at += 2 + view.getUint16(at)) numbers.push(view.getUint8(at + 3));
    return [view.getUint32(4), numbers, view.getUint8(1) === 1];
  });
}

/** Of the last binary frame: the RTP timestamp before which nothing more is coming. */
function lastFrameTimestamp(socket: FakeSocket): number | undefined {
  const buffer = socket.binary.at(-1);
  return buffer && new DataView(buffer).getUint32(16);
}

const ack = (stream: number, upTo: number, lacks: [number, number | null][] = []) => ({ type: "ack", stream, upTo: upTo * 960, lacks: lacks.map(([from, to]) => [from * 960, to === null ? null : to * 960]) });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => n + from);

describe("speech that did not arrive", () => {
  it("is sent when the relay asks for it, and forgotten when it is there", async () => {
    const world = new World();
    const interview = await joined(world);
    expect(interview.state().keeping.on).toBe(false);
    speaks(world.peer, 5, 0, 100);
    world.socket.says(ack(5, 40, [[40, 90]]));
    await settled();
    expect(interview.state().keeping.on).toBe(true);
    expect(frames(world.socket)).toEqual([[5, range(40, 90), true]]);
    world.socket.says(ack(5, 100));
    world.socket.says(ack(5, 100, [[40, 90]]));
    await settled();
    expect(frames(world.socket)[1]).toEqual([5, [], true]);
  });

  it("is not kept while muted", async () => {
    const world = new World();
    const interview = await joined(world);
    speaks(world.peer, 5, 0, 10);
    interview.mute(true);
    speaks(world.peer, 5, 10, 20);
    interview.mute(false);
    speaks(world.peer, 5, 20, 30);
    world.socket.says(ack(5, 0, [[0, 30]]));
    await settled();
    expect(frames(world.socket)).toEqual([
      [5, range(0, 10), false],
      [5, range(20, 30), true],
    ]);
  });

  it("is told whole to a relay that knows nothing of it", async () => {
    const world = new World();
    await joined(world);
    speaks(world.peer, 5, 0, 50);
    world.socket.says(ack(5, 20));
    world.socket.drop();
    await world.pass(1_000);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 9 });
    await settled();
    expect(frames(world.socket)).toEqual([[5, range(20, 50), true]]);
  });

  it("is not told again to one that knows the stream", async () => {
    const world = new World();
    await joined(world);
    speaks(world.peer, 5, 0, 50);
    world.socket.drop();
    await world.pass(1_000);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 9, resumed: true, heardUpTo: [{ stream: 5, upTo: 45 * 960 }] });
    await settled();
    expect(frames(world.socket)).toEqual([]);
  });

  it("is on the shelf while an outage lasts, and gone from it afterwards", async () => {
    const world = new World();
    await joined(world);
    world.socket.says(ack(5, 0));
    await world.pass(SHELVE_MS_MIN - 1);
    speaks(world.peer, 5, 0, 100);
    expect(world.shelved).toBeNull();
    await world.pass(1);
    speaks(world.peer, 5, 100, 101);
    expect(world.shelved?.[0]?.packets).toHaveLength(101);
    world.socket.says(ack(5, 50, [[50, 100]]));
    await settled();
    expect(world.shelved).not.toBeNull();
    world.socket.says(ack(5, 101));
    await settled();
    expect(world.shelved).toBeNull();
  });

  it("is left to the tab that takes over, should the relay go before it has written it down", async () => {
    const world = new World();
    const interview = await joined(world);
    world.socket.says(ack(5, 0));
    speaks(world.peer, 5, 0, 20);
    const first = world.socket;
    const next = world.interview();
    next.join(microphone().stream);
    world.socket.open();
    world.socket.says({ ...WELCOME, resumed: false, heardUpTo: [{ stream: 5, upTo: 0 }] });
    await settled();
    first.drop(4409);
    expect(interview.state().phase.is).toBe("elsewhere");
    world.socket.says(ack(6, 0));
    await settled();
    expect(world.shelved?.[0]?.packets, "no acknowledgement of its own takes away what it has not taken").toHaveLength(20);
    expect(frames(world.socket)).toEqual([]);

    speaks(world.peer, 6, 0, 10);
    world.socket.drop();
    await world.pass(1_000);
    expect(world.shelved?.map(({ stream }) => stream), "nor does what it puts there").toEqual([5, 6]);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 9, resumed: true, heardUpTo: [{ stream: 5, upTo: 5 * 960 }] });
    world.socket.says(ack(5, 5, [[5, null]]));
    await settled();
    expect(frames(world.socket)).toEqual([
      [6, range(0, 10), true],
      [5, range(5, 20), true],
    ]);
    world.socket.says(ack(5, 20));
    await settled();
    expect(world.shelved).toBeNull();
  });

  it("outlives the page, and nothing is answered before it is known", async () => {
    const world = new World();
    await joined(world);
    speaks(world.peer, 5, 0, 20);
    world.pageGoes();
    expect(world.shelved?.[0]?.packets).toHaveLength(20);
    world.socket.drop();

    const next = world.interview();
    next.join(microphone().stream);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 9, resumed: true, heardUpTo: [{ stream: 5, upTo: 5 * 960 }] });
    world.socket.says(ack(5, 5, [[5, null]]));
    await settled();
    expect(frames(world.socket)).toEqual([[5, range(5, 20), true]]);
  });

  it("is told to have no more where the relay has heard more of a page that went than it kept", async () => {
    const world = new World();
    await joined(world);
    speaks(world.peer, 5, 0, 20);
    world.pageGoes();
    world.socket.drop();

    const next = world.interview();
    next.join(microphone().stream);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 9, resumed: true, heardUpTo: [{ stream: 5, upTo: 5 * 960 }] });
    world.socket.says(ack(5, 5, [[22, null]]));
    await settled();
    expect(frames(world.socket)).toEqual([[5, range(22, 22), true]]);
    expect(lastFrameTimestamp(world.socket)).toBe(22 * 960);
  });

  it("is nowhere once the interview is over", async () => {
    const world = new World();
    await joined(world);
    world.socket.says(ack(5, 0));
    await world.pass(SHELVE_MS_MIN);
    speaks(world.peer, 5, 0, 200);
    expect(world.shelved).not.toBeNull();
    world.socket.says({ type: "ended", seq: 9, reason: "interviewer", summaryPending: false });
    await settled();
    expect(world.shelved).toBeNull();
    world.pageGoes();
    expect(world.shelved).toBeNull();
  });
});

describe("a page's own outage", () => {
  const report = (signs: number) => [{ type: "transport", bytesReceived: signs }];

  it("is noticed within two seconds, and dated from the last sign", async () => {
    const world = new World();
    const interview = await joined(world);
    for (let at = 1; at <= 10; at += 1) {
      world.peer.report = report(at);
      await world.pass(500);
    }
    expect(interview.state().leg.is).toBe("up");
    const cut = world.now;
    await world.pass(2_500);
    const { leg } = interview.state();
    expect(leg).toMatchObject({ is: "lost", cause: "silent" });
    expect(Math.abs((leg.is === "lost" ? leg.since : 0) - cut)).toBeLessThanOrEqual(500);
    expect(SILENT_MS).toBeLessThan(2_000);
    expect(world.peer.offers).toEqual(["fresh", "restart"]);
    world.peer.report = report(11);
    await world.pass(500);
    expect(interview.state().leg.is).toBe("up");
    expect(world.peers).toHaveLength(1);
  });

  it("is told at the next hello: for how long no sound has come", async () => {
    const world = new World();
    await joined(world);
    world.peer.report = [{ type: "inbound-rtp", kind: "audio", timestamp: 5_000, lastPacketReceivedTimestamp: 4_900 }];
    await world.pass(PULSE_MS);
    // What came since the last look is seen as the socket breaks.
    await world.pass(PULSE_MS - 50);
    world.peer.report = [{ type: "inbound-rtp", kind: "audio", timestamp: 5_200, lastPacketReceivedTimestamp: 5_190 }];
    world.socket.drop();
    await world.pass(0);
    world.peer.report = [];
    await world.pass(1_000);
    world.socket.open();
    const hello = must(world.socket.frames("hello")[0]);
    expect(hello["quietMs"]).toBeGreaterThanOrEqual(1_010);
    expect(hello["quietMs"]).toBeLessThanOrEqual(1_011);
    expect(must(world.sockets[0]).frames("hello")[0]).not.toHaveProperty("quietMs");
  });

  it("replaces a socket that says nothing once the leg is back", async () => {
    const world = new World();
    await joined(world);
    world.socket.says(ack(5, 0));
    world.peer.handlers.connection("disconnected");
    world.socket.says({ type: "answer", seq: 5, sdp: "answer", id: must(world.socket.frames("offer")[1])["id"] });
    await settled();
    world.peer.handlers.connection("connected");
    await world.pass(SOCKET_MS_MAX);
    expect(world.sockets).toHaveLength(2);
  });

  it("leaves a socket alone that speaks", async () => {
    const world = new World();
    await joined(world);
    world.socket.says(ack(5, 0));
    world.peer.handlers.connection("disconnected");
    world.peer.handlers.connection("connected");
    world.socket.says(ack(5, 10));
    await world.pass(SOCKET_MS_MAX + 100);
    expect(world.sockets).toHaveLength(1);
  });
});

describe("two peers", () => {
  it("overlap: the one before is the microphone's ear until the new one is", async () => {
    const world = new World();
    await joined(world);
    const before = world.peer;
    before.handlers.connection("failed");
    await settled();
    expect([world.peers.length, before.isClosed]).toEqual([2, false]);
    speaks(before, 5, 0, 10);
    world.peer.handlers.connection("connected");
    speaks(before, 5, 10, 12);
    speaks(world.peer, 6, 0, 1);
    expect(before.isClosed).toBe(true);
    speaks(before, 5, 12, 20);
    world.socket.says(ack(5, 0, [[0, null]]));
    await settled();
    expect(frames(world.socket)).toEqual([[5, range(0, 12), true]]);
  });

  it("do not overlap for long where packets cannot be seen", async () => {
    const world = new World();
    await joined(world);
    const before = world.peer;
    before.handlers.connection("failed");
    await settled();
    world.peer.handlers.connection("connected");
    await world.pass(OVERLAP_MS_MAX);
    expect([before.isClosed, world.peer.isClosed]).toEqual([true, false]);
  });
});
