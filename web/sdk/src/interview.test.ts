import { describe, expect, it, vi } from "vitest";
import { ANSWER_MS_MAX } from "./leg.js";
import { REASON_MS_MAX, socketUrl, UNSENT_WORDS_MAX } from "./interview.js";
import { STATS_MS } from "./vitals.js";
import { joined, microphone, must, settled, WELCOME, World } from "./testing/world.js";

describe("joining", () => {
  it("greets with the token in the first message, and never in the address", () => {
    const world = new World();
    world.interview().join(microphone().stream);
    world.socket.open();
    expect(world.socket.url).toBe("wss://relay.example/ws?session=s1");
    expect(world.socket.protocol).toBe("vivavoce.v1");
    expect(world.socket.sent).toEqual([{ type: "hello", token: "secret", sessionId: "s1", keeps: true }]);
  });

  it("offers once welcomed, with the relay's servers and the microphone", async () => {
    const world = new World();
    const { stream, track } = microphone();
    world.interview().join(stream);
    world.socket.open();
    expect(world.peers).toHaveLength(0);
    world.socket.says(WELCOME);
    await settled();
    expect(world.peer.options.iceServers).toEqual([{ urls: ["stun:stun.example"] }]);
    expect(world.peer.track).toBe(track);
    expect(world.socket.frames("offer")).toMatchObject([{ sdp: "sdp 1" }]);
  });

  it("trickles both ways and plays the voice", async () => {
    const world = new World();
    const interview = await joined(world);
    const voices: unknown[] = [];
    interview.on("audio", (stream) => voices.push(stream));
    world.peer.handlers.candidate({ candidate: "ours" });
    world.peer.handlers.candidate(null);
    world.socket.says({ type: "candidate", candidate: { candidate: "theirs", sdpMid: "0" } });
    const voice = {} as MediaStream;
    world.peer.handlers.audio(voice);
    expect(world.socket.frames("candidate").map((f) => f["candidate"])).toEqual([{ candidate: "ours" }, null]);
    expect(world.peer.candidates).toEqual([{ candidate: "theirs", sdpMid: "0" }]);
    expect(voices).toEqual([voice]);
    const late: unknown[] = [];
    interview.on("audio", (stream) => late.push(stream));
    expect(late).toEqual([voice]);
  });

  it("says where it stands", async () => {
    const world = new World();
    const interview = await joined(world);
    expect(interview.state()).toMatchObject({ phase: { is: "live" }, link: { is: "up" }, leg: { is: "up" }, microphone: { is: "live" }, server: { ai: "up" } });
    expect(interview.state()).toBe(interview.state());
  });

  it("joins without a microphone, to listen and type", async () => {
    const world = new World();
    world.interview().join(null);
    world.socket.open();
    world.socket.says(WELCOME);
    await settled();
    expect(world.peer.track).toBeNull();
  });
});

describe("losing the socket", () => {
  it("comes back with what it was given, and leaves the leg alone", async () => {
    const world = new World();
    await joined(world);
    world.socket.drop();
    await world.pass(1_000);
    expect(world.sockets).toHaveLength(2);
    world.socket.open();
    expect(world.socket.sent).toEqual([{ type: "hello", token: "secret", sessionId: "s1", resume: "r1", lastSeq: 3, keeps: true }]);
    world.socket.says({ ...WELCOME, seq: 4, resume: "r2", resumed: true, state: { session: "live", candidate: "up", ai: "up" } });
    await settled();
    expect(world.peers).toHaveLength(1);
    expect(world.peer.offers).toEqual(["fresh"]);
    expect(world.kept.get("vivavoce.resume.s1")).toBe('{"resume":"r2","lastSeq":4}');
  });

  it("says what was typed and ended meanwhile, once, and the mute anew", async () => {
    const world = new World();
    const interview = await joined(world);
    world.socket.drop();
    interview.say("first");
    interview.say("second");
    interview.mute(true);
    interview.end();
    interview.end();
    await world.pass(1_000);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 4, resumed: true, state: { session: "live", candidate: "up", ai: "up" } });
    await settled();
    expect(world.socket.sent.map((f) => f["type"])).toEqual(["hello", "mute", "say", "say", "end"]);
    expect(world.socket.frames("say").map((f) => f["text"])).toEqual(["first", "second"]);
    expect(new Set(world.socket.frames("say").map((f) => f["id"])).size).toBe(2);
  });

  it("says again what was on its way when the socket broke, under the same id", async () => {
    const world = new World();
    const interview = await joined(world);
    interview.say("first");
    const id = must(world.socket.frames("say")[0])["id"];
    world.socket.drop();
    interview.say("second");
    await world.pass(1_000);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 4, resumed: true, state: { session: "live", candidate: "up", ai: "up" } });
    await settled();
    expect(world.socket.frames("say")).toMatchObject([{ text: "first", id }, { text: "second" }]);
  });

  it("refuses words beyond its bound", async () => {
    const world = new World();
    const interview = await joined(world);
    world.socket.drop();
    for (let index = 0; index < UNSENT_WORDS_MAX; index += 1) expect(interview.say(`word ${index}`)).toBe(true);
    expect(interview.say("one more")).toBe(false);
  });

  it("tries at once when the network is back", async () => {
    const world = new World();
    await joined(world);
    world.socket.drop();
    world.networkIsBack();
    expect(world.sockets).toHaveLength(2);
  });

  it("is taken over without coming back, gives the microphone away, and returns when asked", async () => {
    const world = new World();
    const interview = world.interview();
    const first = microphone();
    interview.join(first.stream);
    world.socket.open();
    world.socket.says({ ...WELCOME, state: { session: "live", candidate: "none", ai: "up" } });
    await settled();
    world.socket.drop(4409);
    expect(interview.state().phase).toEqual({ is: "elsewhere" });
    expect(first.track.readyState).toBe("ended");
    expect(world.peer.isClosed).toBe(true);
    await world.pass(3_600_000);
    world.networkIsBack();
    expect(world.sockets).toHaveLength(1);
    expect(world.timers).toBe(0);

    const second = microphone();
    interview.join(second.stream);
    world.socket.open();
    // by a person's wish, not by itself: nothing shows that it was here before
    expect(must(world.socket.frames("hello")[0])).not.toHaveProperty("resume");
    world.socket.says({ ...WELCOME, seq: 9, state: { session: "live", candidate: "none", ai: "up" } });
    await settled();
    expect(interview.state().phase.is).toBe("live");
    expect(world.peers).toHaveLength(2);
    expect(world.peer.track).toBe(second.track);
  });

  it.each([
    [4401, "unauthorized"],
    [4404, "notYours"],
  ])("says why it is refused (%i)", async (code, why) => {
    const world = new World();
    const interview = world.interview();
    interview.join(microphone().stream);
    world.socket.open();
    world.socket.drop(code);
    expect(interview.state().phase).toEqual({ is: "refused", code: why, detail: "" });
    await world.pass(3_600_000);
    expect(world.sockets).toHaveLength(1);
  });

  it("ignores the last words of a socket that it has left", async () => {
    const world = new World();
    const interview = await joined(world);
    const old = world.socket;
    world.peer.handlers.connection("disconnected");
    await world.pass(ANSWER_MS_MAX);
    expect(world.sockets).toHaveLength(2);
    old.says({ type: "ended", reason: "recruiter", summaryPending: false });
    old.drop(4409);
    expect(interview.state().phase.is).toBe("live");
  });
});

describe("losing the leg", () => {
  it("restarts ICE on the same peer when disconnected", async () => {
    const world = new World();
    const interview = await joined(world);
    world.peer.handlers.connection("disconnected");
    await settled();
    expect(world.peers).toHaveLength(1);
    expect(world.peer.offers).toEqual(["fresh", "restart"]);
    expect(interview.state().leg).toMatchObject({ is: "lost", cause: "disconnected" });
    world.peer.handlers.connection("connected");
    expect(interview.state().leg.is).toBe("up");
  });

  it("makes a new peer when it has failed, with the same microphone", async () => {
    const world = new World();
    await joined(world);
    const before = world.peer;
    world.peer.handlers.connection("failed");
    await settled();
    expect(world.peers).toHaveLength(2);
    expect(world.peer.track).toBe(before.track);
    before.handlers.connection("failed");
    before.handlers.candidate({ candidate: "stale" });
    await settled();
    expect(world.peers).toHaveLength(2);
    expect(world.socket.frames("candidate")).toEqual([]);
  });

  it("does as the relay asks", async () => {
    const world = new World();
    await joined(world);
    world.socket.says({ type: "renegotiate", iceRestart: true, reason: "path" });
    await settled();
    expect(world.peer.offers).toEqual(["fresh", "restart"]);
    world.socket.says({ type: "renegotiate", iceRestart: false, reason: "dtls" });
    await settled();
    expect(world.peers).toHaveLength(2);
  });

  it("takes only the answer to its own last offer", async () => {
    const world = new World();
    await joined(world);
    world.peer.handlers.connection("disconnected");
    await settled();
    world.socket.says({ type: "answer", sdp: "stale", id: "o-0" });
    await settled();
    expect(world.peer.answers).toEqual(["answer"]);
  });

  it("tries anew when an answer cannot be taken", async () => {
    const world = new World();
    await joined(world);
    world.peer.handlers.connection("disconnected");
    await settled();
    world.peer.refusesAnswers = true;
    world.socket.says({ type: "answer", sdp: "bad", id: must(world.socket.frames("offer").at(-1))["id"] });
    await settled();
    expect(world.peers).toHaveLength(2);
  });
});

describe("the microphone", () => {
  it("is muted here and at the relay", () => {
    const world = new World();
    const interview = world.interview();
    const { stream, track } = microphone();
    interview.join(stream);
    world.socket.open();
    world.socket.says(WELCOME);
    interview.mute(true);
    expect(track.enabled).toBe(false);
    expect(world.socket.frames("mute")).toEqual([{ type: "mute", on: true }]);
    expect(interview.state().muted).toBe(true);
    interview.mute(false);
    expect(track.enabled).toBe(true);
  });

  it("that a call takes is told, and another goes in without a new peer", async () => {
    const world = new World();
    const interview = world.interview();
    const first = microphone();
    interview.join(first.stream);
    world.socket.open();
    world.socket.says(WELCOME);
    await settled();
    first.track.onmute?.();
    expect(interview.state().microphone.is).toBe("silenced");
    first.track.onunmute?.();
    expect(interview.state().microphone.is).toBe("live");
    first.track.onended?.();
    expect(interview.state().microphone.is).toBe("lost");
    interview.mute(true);
    const second = microphone();
    await interview.useMicrophone(second.stream);
    expect(world.peer.track).toBe(second.track);
    expect(second.track.enabled).toBe(false);
    expect(interview.state().microphone.is).toBe("live");
    expect(world.peers).toHaveLength(1);
  });
});

describe("what is said", () => {
  it("stands as pending until the relay shows it", async () => {
    const world = new World();
    const interview = await joined(world);
    interview.say("  I would measure first.  ");
    expect(interview.state().pendingWords).toMatchObject([{ text: "I would measure first." }]);
    world.socket.says({ type: "caption", itemId: "i1", speaker: "candidate", text: "I would measure first.", final: true, at: "2026-01-01T00:00:00.000Z" });
    expect(interview.state().pendingWords).toEqual([]);
    expect(interview.state().captions).toMatchObject([{ text: "I would measure first." }]);
  });

  it("before a reload is read once, and does not overwrite what came since", async () => {
    const world = new World();
    world.storage.setItem("vivavoce.resume.s1", '{"resume":"r9","lastSeq":40}');
    const history = vi.fn(() =>
      Promise.resolve([
        { itemId: "i1", speaker: "ai" as const, text: "Hello.", final: true, at: "2026-01-01T00:00:00.000Z", previousItemId: undefined },
        { itemId: "i2", speaker: "candidate" as const, text: "old", final: true, at: "2026-01-01T00:00:05.000Z", previousItemId: undefined },
      ]),
    );
    const interview = world.interview({ history });
    interview.join(microphone().stream);
    world.socket.open();
    expect(world.socket.sent).toMatchObject([{ resume: "r9", lastSeq: 40 }]);
    world.socket.says({ ...WELCOME, seq: 41, resumed: true, state: { session: "live", candidate: "up", ai: "up" } });
    world.socket.says({ type: "caption", seq: 42, itemId: "i2", speaker: "candidate", text: "new", final: true, at: "2026-01-01T00:00:05.000Z" });
    await settled();
    expect(interview.state().captions.map((c) => c.text)).toEqual(["Hello.", "new"]);
    expect(history).toHaveBeenCalledTimes(1);
    expect(world.peer.offers).toEqual(["fresh"]);
  });

  it("is not asked for where nothing was said yet", async () => {
    const world = new World();
    const history = vi.fn(() => Promise.resolve([]));
    await joined(world, { history });
    expect(history).not.toHaveBeenCalled();
  });
});

describe("quality", () => {
  it("is told every five seconds, as what happened since", async () => {
    const world = new World();
    const interview = await joined(world);
    const report = (received: number, lost: number, concealed: number) => [
      { type: "transport", selectedCandidatePairId: "p" },
      { type: "candidate-pair", id: "p", currentRoundTripTime: 0.042 },
      { type: "inbound-rtp", kind: "audio", jitter: 0.003, packetsReceived: received, packetsLost: lost, totalSamplesReceived: received * 960, concealedSamples: concealed },
      { type: "outbound-rtp", kind: "audio", packetsSent: received },
      { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.01 },
    ];
    world.peer.report = report(250, 0, 0);
    await world.pass(STATS_MS);
    world.peer.report = report(490, 10, 4_800);
    await world.pass(STATS_MS);
    expect(world.socket.frames("stats")).toHaveLength(2);
    expect(world.socket.frames("stats")[1]).toEqual({
      type: "stats", intervalMs: STATS_MS, rttMs: 42, jitterMs: 3, received: 240, lost: 10, concealed: 0.0208, sent: 240, sentLost: 0.01,
    }); // prettier-ignore
    expect(interview.state().stats?.lost).toBe(10);
  });
});

describe("the end", () => {
  it("gives everything back, forgets the resume, and is told once", async () => {
    const world = new World();
    const interview = await joined(world);
    const ended = vi.fn();
    interview.on("ended", ended);
    interview.end();
    expect(world.socket.frames("end")).toHaveLength(1);
    world.socket.says({ type: "state", session: "ending", candidate: "up", ai: "up" });
    expect(interview.state().phase.is).toBe("ending");
    const { peer, socket } = world;
    world.socket.says({ type: "ended", reason: "candidate", summaryPending: true });
    expect(ended).toHaveBeenCalledExactlyOnceWith({ is: "ended", reason: "candidate", summaryPending: true });
    expect(peer.isClosed).toBe(true);
    expect(socket.isClosed).toBe(true);
    expect(world.kept.size).toBe(0);
    await world.pass(3_600_000);
    expect(world.timers).toBe(0);
    expect(world.networkListeners).toBe(0);
    interview.join(microphone().stream);
    expect(world.sockets).toHaveLength(1);
  });

  it("is told why by the frame behind the state", async () => {
    const world = new World();
    const interview = await joined(world);
    const ended = vi.fn();
    interview.on("ended", ended);
    world.socket.says({ type: "state", session: "completed", candidate: "gone", ai: "gone" });
    expect(interview.state().phase.is).toBe("ending");
    world.socket.says({ type: "ended", reason: "interviewer", summaryPending: true });
    await world.pass(REASON_MS_MAX);
    expect(ended).toHaveBeenCalledExactlyOnceWith({ is: "ended", reason: "interviewer", summaryPending: true });
    expect(world.timers).toBe(0);
  });

  it("is also an interview found completed, though nobody says why", async () => {
    const world = new World();
    const interview = world.interview();
    interview.join(microphone().stream);
    world.socket.open();
    world.socket.says({ ...WELCOME, state: { session: "completed", candidate: "gone", ai: "gone" } });
    await world.pass(REASON_MS_MAX);
    expect(interview.state().phase).toMatchObject({ is: "ended", reason: "unknown" });
    expect(world.timers).toBe(0);
  });

  it("is not leaving: that can be undone", async () => {
    const world = new World();
    const interview = await joined(world);
    interview.leave();
    expect(interview.state().phase).toEqual({ is: "left" });
    expect(world.peer.isClosed).toBe(true);
    expect(world.socket.isClosed).toBe(true);
    interview.join(microphone().stream);
    expect(world.sockets).toHaveLength(2);
  });

  it("comes with a fatal error, and not with any other", async () => {
    const world = new World();
    const interview = await joined(world);
    const problem = vi.fn();
    interview.on("problem", problem);
    world.socket.says({ type: "error", code: "bad_field", detail: "sdp", fatal: false });
    expect(problem).toHaveBeenCalledWith({ code: "bad_field", detail: "sdp" });
    expect(interview.state().phase.is).toBe("live");
    world.socket.says({ type: "error", code: "gone", detail: "", fatal: true });
    expect(interview.state().phase).toEqual({ is: "refused", code: "gone", detail: "" });
    expect(world.peer.isClosed).toBe(true);
  });
});

describe("what the relay sends", () => {
  it("may be nonsense without harm", async () => {
    const world = new World();
    const interview = await joined(world);
    const before = interview.state();
    for (const text of ["", "{", "null", "[]", '{"type":7}', '{"type":"later","x":1}', '{"type":"caption","itemId":3}', '{"type":"state","session":"odd"}']) {
      world.socket.handlers.message(text);
    }
    expect(interview.state()).toBe(before);
  });
});

describe("addresses", () => {
  it.each([
    ["https://relay.example", "wss://relay.example/ws?session=a%2Fb"],
    ["http://127.0.0.1:8080/", "ws://127.0.0.1:8080/ws?session=a%2Fb"],
  ])("%s", (from, to) => expect(socketUrl(from, "a/b")).toBe(to));
});

describe("an interview that goes on elsewhere", () => {
  it("is followed with its resume token and, as its leg is of the past, given a new one", async () => {
    const world = new World();
    await joined(world);
    const before = world.socket;
    before.says({ type: "moved", seq: 4, url: "https://relay-2.example" });
    expect(before.isClosed).toBe(true);
    expect(world.socket.url).toBe("wss://relay-2.example/ws?session=s1");
    expect(world.peer.isClosed).toBe(false);
    world.socket.open();
    expect(world.socket.frames("hello")).toMatchObject([{ token: "secret", resume: "r1", lastSeq: 4 }]);
    world.socket.says({ ...WELCOME, seq: 5, resume: "r2", resumed: true });
    world.socket.says({ type: "renegotiate", seq: 6, iceRestart: false, reason: "restored" });
    await settled();
    expect(world.socket.frames("offer")).toHaveLength(1);
  });

  it("is looked for where it was begun, where it is not to be found any more", async () => {
    const world = new World();
    await joined(world);
    world.socket.says({ type: "moved", url: "https://relay-2.example" });
    for (let tries = 0; tries < 8; tries += 1) {
      world.socket.drop();
      await world.pass(10_000);
    }
    const asked = world.sockets.map((socket) => new URL(socket.url).host);
    expect(asked.slice(0, 3)).toEqual(["relay.example", "relay-2.example", "relay-2.example"]);
    expect(asked).toContain("relay.example");
    expect(asked.at(-1)).toBe("relay.example");
  });

  it("is not followed where the token would be readable on its way, nor to what is no address", async () => {
    const world = new World();
    await joined(world);
    for (const url of ["http://relay-2.example", "javascript:alert(1)", "relay-2", 7]) world.socket.says({ type: "moved", url });
    expect(world.sockets).toHaveLength(1);
    expect(world.socket.isClosed).toBe(false);
  });
});
