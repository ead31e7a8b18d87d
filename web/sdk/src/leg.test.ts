import { describe, expect, it } from "vitest";
import { ANSWER_MS_MAX, FRESH_MS_MAX, legDue, legStart, legStep, LOST_MS_MAX, RESTART_MS_MAX } from "./leg.js";
import type { Leg, LegAction, LegEvent } from "./leg.js";

const linkUp = (resumed = true): LegEvent => ({ on: "linkUp", resumed });
const on = (name: "start" | "linkDown" | "broken" | "connected" | "disconnected" | "failed" | "hurry" | "due" | "stop"): LegEvent => ({ on: name });
const answered = (id: string): LegEvent => ({ on: "answered", id });
const renegotiate = (iceRestart: boolean): LegEvent => ({ on: "renegotiate", iceRestart });

/** Plays events at their times, and keeps what was to be done. */
function play(...events: readonly (readonly [number, LegEvent])[]): { state: Leg; actions: LegAction[] } {
  let state = legStart("o");
  const actions: LegAction[] = [];
  for (const [now, event] of events) {
    const step = legStep(state, event, now, 0);
    state = step.state;
    actions.push(...step.actions);
  }
  return { state, actions };
}

const JOINED = [
  [0, linkUp(false)],
  [0, on("start")],
  [10, answered("o1")],
  [40, on("connected")],
] as const;
const FRESH = (id: string): LegAction => ({ do: "offer", how: "fresh", id });
const RESTART = (id: string): LegAction => ({ do: "offer", how: "restart", id });

describe("the media leg's machine", () => {
  it("waits for the socket, then offers, then is up", () => {
    expect(play([0, on("start")])).toMatchObject({ actions: [], state: { leg: { is: "connecting", since: 0 }, try: { is: "blocked", how: "fresh" } } });
    expect(play([0, on("start")], [5, linkUp(false)]).actions).toEqual([FRESH("o1")]);
    expect(play(...JOINED)).toMatchObject({ actions: [FRESH("o1")], state: { leg: { is: "up", since: 40 }, try: { is: "none" } } });
  });

  it("takes no answer that it has not asked for", () => {
    expect(play([0, linkUp(false)], [0, on("start")], [9, answered("o7")]).state.try.is).toBe("offered");
  });

  it("restarts ICE when disconnected, and says when the loss began", () => {
    const { state, actions } = play(...JOINED, [1_000, on("disconnected")]);
    expect(actions.at(-1)).toEqual(RESTART("o2"));
    expect(state.leg).toEqual({ is: "lost", since: 1_000, cause: "disconnected" });
    expect(legDue(state)).toBe(1_000 + ANSWER_MS_MAX);
  });

  it("restarts ICE when nothing is heard, dates the loss back, and is up at the next sign", () => {
    const silent = play(...JOINED, [3_000, { on: "silent", since: 1_200 }]);
    expect(silent.actions.at(-1)).toEqual(RESTART("o2"));
    expect(silent.state.leg).toEqual({ is: "lost", since: 1_200, cause: "silent" });
    expect(legStep(silent.state, { on: "silent", since: 1_200 }, 3_400, 0)).toEqual({ state: silent.state, actions: [] });
    expect(legStep(silent.state, { on: "heard" }, 4_000, 0).state.leg).toEqual({ is: "up", since: 4_000 });
  });

  it("takes the relay's wish for a restart for the one that finds its way", () => {
    const asked = { on: "renegotiate", iceRestart: true } as const;
    const { state, actions } = play(...JOINED, [3_000, { on: "silent", since: 1_200 }], [3_010, answered("o2")], [3_020, asked]);
    expect(actions.slice(1)).toEqual([RESTART("o2")]);
    expect(state.try).toMatchObject({ is: "checking", how: "restart" });
    // a new peer is more than a restart
    expect(legStep(state, { on: "renegotiate", iceRestart: false }, 3_030, 0).actions).toEqual([FRESH("o3")]);
  });

  it("takes a loss that it notices after the relay for the one that the relay's restart mends", () => {
    const asked = { on: "renegotiate", iceRestart: true } as const;
    const told = play(...JOINED, [3_000, asked], [3_010, answered("o2")], [3_100, { on: "silent", since: 1_200 }]);
    expect(told.actions.slice(1)).toEqual([RESTART("o2")]);
    expect(told.state).toMatchObject({ leg: { is: "lost", cause: "silent" }, try: { is: "checking", how: "restart" } });
    // one that comes to nothing is followed by a new peer
    expect(legStep(told.state, on("due"), 3_010 + RESTART_MS_MAX, 0).actions).toEqual([FRESH("o3")]);
    // a loss that began after the answer is another
    expect(play(...JOINED, [3_000, asked], [3_010, answered("o2")], [5_100, { on: "silent", since: 3_200 }]).actions.at(-1)).toEqual(RESTART("o3"));
    const well = play(...JOINED, [3_000, asked], [3_010, answered("o2")], [3_010 + RESTART_MS_MAX, on("due")]).state;
    expect(well).toMatchObject({ leg: { is: "up" }, try: { is: "none" } });
  });

  it("takes a sign of life for no more than that once ICE has given up", () => {
    const { state } = play(...JOINED, [1_000, on("failed")]);
    expect(legStep(state, { on: "heard" }, 1_100, 0).state).toBe(state);
  });

  it("is up again after a restart", () => {
    const { state } = play(...JOINED, [1_000, on("disconnected")], [1_010, answered("o2")], [1_100, on("connected")]);
    expect(state).toMatchObject({ leg: { is: "up", since: 1_100 }, try: { is: "none" }, failures: 0 });
  });

  it("still waits for the answer of an offer when the old path comes back first", () => {
    const before = play(...JOINED, [1_000, on("disconnected")], [1_005, on("connected")]);
    expect(before.state).toMatchObject({ leg: { is: "up" }, try: { is: "offered", id: "o2" } });
    const after = legStep(before.state, answered("o2"), 1_020, 0).state;
    expect(after.try).toEqual({ is: "checking", how: "restart", deadline: 1_020 + RESTART_MS_MAX });
    expect(legStep(after, on("due"), 1_020 + RESTART_MS_MAX, 0)).toMatchObject({ state: { try: { is: "none" } }, actions: [] });
  });

  it("makes a new peer when a restart leads nowhere", () => {
    const { actions } = play(...JOINED, [1_000, on("disconnected")], [1_010, answered("o2")], [1_010 + RESTART_MS_MAX, on("due")]);
    expect(actions.slice(1)).toEqual([RESTART("o2"), FRESH("o3")]);
  });

  it("makes a new peer at once when the connection has failed", () => {
    expect(play(...JOINED, [1_000, on("failed")])).toMatchObject({
      actions: [FRESH("o1"), FRESH("o2")],
      state: { leg: { is: "lost", cause: "failed" } },
    });
  });

  it("waits between new peers that lead nowhere, longer each time, and ends", () => {
    let { state } = play(...JOINED, [1_000, on("failed")]);
    let now = 1_000;
    const waits: number[] = [];
    for (let round = 0; round < 500 && state.leg.is === "lost"; round += 1) {
      if (state.try.is === "offered") state = legStep(state, answered(state.try.id), now, 0).state;
      expect(state.try.is).toBe("checking");
      now = legDue(state) ?? now;
      state = legStep(state, on("due"), now, 0).state;
      if (state.try.is !== "pausing") break;
      waits.push(state.try.until - now);
      now = state.try.until;
      state = legStep(state, on("due"), now, 0).state;
    }
    expect(waits.slice(0, 6)).toEqual([250, 500, 1_000, 2_000, 4_000, 4_000]);
    expect(state.leg).toEqual({ is: "ended", reason: "gaveUp" });
    expect(now).toBeGreaterThanOrEqual(LOST_MS_MAX);
    expect(now).toBeLessThan(LOST_MS_MAX + FRESH_MS_MAX + 4_000 + 1_000);
  });

  it("blames the socket when an offer is not answered, and offers again through the next", () => {
    const { state, actions } = play(...JOINED, [1_000, on("disconnected")], [1_000 + ANSWER_MS_MAX, on("due")]);
    expect(actions.at(-1)).toEqual({ do: "suspectLink" });
    expect(state).toMatchObject({ link: false, try: { is: "blocked", how: "restart" } });
    expect(legStep(state, linkUp(true), 7_000, 0).actions).toEqual([RESTART("o3")]);
    expect(legStep(state, linkUp(false), 7_000, 0).actions).toEqual([FRESH("o3")]);
  });

  it("goes on without a socket", () => {
    const { state, actions } = play(...JOINED, [1_000, on("linkDown")], [2_000, linkUp(true)]);
    expect(actions).toEqual([FRESH("o1")]);
    expect(state.leg).toEqual({ is: "up", since: 40 });
  });

  it("keeps its wish while the socket is away", () => {
    const { state, actions } = play(...JOINED, [1_000, on("linkDown")], [1_500, on("disconnected")], [2_000, linkUp(true)]);
    expect(actions).toEqual([FRESH("o1"), RESTART("o2")]);
    expect(state.leg).toMatchObject({ is: "lost", since: 1_500 });
  });

  it("makes a new peer for a relay that does not know its leg", () => {
    expect(play(...JOINED, [1_000, on("linkDown")], [2_000, linkUp(false)])).toMatchObject({
      actions: [FRESH("o1"), FRESH("o2")],
      state: { leg: { is: "lost", cause: "asked" } },
    });
  });

  it("does as the relay asks", () => {
    expect(play(...JOINED, [1_000, renegotiate(true)])).toMatchObject({ actions: [FRESH("o1"), RESTART("o2")], state: { leg: { is: "up" } } });
    expect(play(...JOINED, [1_000, renegotiate(false)])).toMatchObject({ actions: [FRESH("o1"), FRESH("o2")], state: { leg: { is: "lost", cause: "asked" } } });
  });

  it("has one offer in the air at most", () => {
    const asked = play(...JOINED, [1_000, renegotiate(true)], [1_001, renegotiate(true)]);
    expect(asked.actions).toEqual([FRESH("o1"), RESTART("o2")]);
    const lost = play(...JOINED, [1_000, renegotiate(true)], [1_001, on("disconnected")]);
    expect(lost.actions).toEqual([FRESH("o1"), RESTART("o2")]);
    expect(lost.state.leg).toMatchObject({ is: "lost", since: 1_001 });
    const stronger = play(...JOINED, [1_000, on("disconnected")], [1_001, renegotiate(false)]);
    expect(stronger.actions).toEqual([FRESH("o1"), RESTART("o2"), FRESH("o3")]);
    const weaker = play(...JOINED, [1_000, on("failed")], [1_001, renegotiate(true)]);
    expect(weaker.actions).toEqual([FRESH("o1"), FRESH("o2")]);
  });

  it("never restarts a peer that was never connected", () => {
    expect(play([0, linkUp(false)], [0, on("start")], [5, answered("o1")], [9, renegotiate(true)]).actions.at(-1)).toEqual(FRESH("o2"));
  });

  it("is hurried out of a pause by a network", () => {
    const pausing = play([0, linkUp(false)], [0, on("start")], [5, on("broken")]);
    expect(pausing.state.try.is).toBe("pausing");
    expect(legStep(pausing.state, on("hurry"), 6, 0).actions).toEqual([FRESH("o2")]);
  });

  it("stops, and starts again only when asked", () => {
    const stopped = play(...JOINED, [1_000, on("stop")]);
    expect(stopped.actions.at(-1)).toEqual({ do: "close" });
    for (const event of [linkUp(false), on("failed"), on("due"), on("hurry"), renegotiate(false)]) {
      expect(legStep(stopped.state, event, 2_000, 0).actions).toEqual([]);
    }
    expect(legStep(stopped.state, on("start"), 2_000, 0).actions).toEqual([FRESH("o2")]);
  });

  it("decides every pair of state and event", () => {
    const states = [
      legStart("o"),
      play([0, on("start")]).state,
      play([0, linkUp(false)], [0, on("start")]).state,
      play([0, linkUp(false)], [0, on("start")], [1, answered("o1")]).state,
      play(...JOINED).state,
      play(...JOINED, [9, renegotiate(true)]).state,
      play(...JOINED, [9, renegotiate(true)], [10, on("linkDown")]).state,
      play(...JOINED, [9, on("disconnected")]).state,
      play(...JOINED, [9, on("failed")], [10, on("broken")]).state,
      play(...JOINED, [9, on("stop")]).state,
    ];
    const events = [
      linkUp(true), linkUp(false), answered("o1"), answered("o2"), renegotiate(true), renegotiate(false), on("start"), on("linkDown"),
      on("broken"), on("connected"), on("disconnected"), on("failed"), on("hurry"), on("due"), on("stop"),
    ]; // prettier-ignore
    for (const state of states) {
      for (const event of events) {
        const step = legStep(state, event, 100_000, 0.5);
        // What the law says of each: an offer only through a socket, one at a time, and none once ended.
        const offers = step.actions.filter((action) => action.do === "offer");
        expect(offers.length).toBeLessThanOrEqual(1);
        if (offers.length === 1) expect(step.state).toMatchObject({ link: true, try: { is: "offered" } });
        if (step.state.leg.is === "ended" || step.state.leg.is === "idle") expect(step.state.try.is).toBe("none");
      }
    }
  });
});
