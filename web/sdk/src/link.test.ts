import { describe, expect, it } from "vitest";
import { GIVE_UP_MS, GREET_MS_MAX, LINK_START, linkDue, linkStep, OPEN_MS_MAX, REOPEN_MS_MAX } from "./link.js";
import type { LinkAction, LinkEvent, LinkState } from "./link.js";

const opening = (attempt = 1, lostAt: number | null = null): LinkState => ({ is: "opening", attempt, lostAt, deadline: OPEN_MS_MAX });
const greeting = (attempt = 1, lostAt: number | null = null): LinkState => ({ is: "greeting", attempt, lostAt, deadline: OPEN_MS_MAX });
const up: LinkState = { is: "up", since: 0 };
const waiting: LinkState = { is: "waiting", attempt: 3, lostAt: 0, retryAt: 500 };
const closed = (reason: Extract<LinkState, { is: "closed" }>["reason"]): LinkState => ({ is: "closed", reason });
const lost = (code: number): LinkEvent => ({ on: "lost", code });
const on = (name: "connect" | "opened" | "welcomed" | "due" | "suspect" | "moved" | "hurry" | "leave"): LinkEvent => ({ on: name });

describe("the socket's machine", () => {
  // before, event at ms, after, actions; the draw is 0, so that a wait is half of its step
  const table: readonly (readonly [string, LinkState, LinkEvent, number, LinkState, readonly LinkAction["do"][]])[] = [
    ["opens when asked", LINK_START, on("connect"), 0, opening(), ["open"]],
    ["is nothing before that", LINK_START, lost(1006), 0, LINK_START, []],
    ["greets once open", opening(), on("opened"), 50, { is: "greeting", attempt: 1, lostAt: null, deadline: 50 + GREET_MS_MAX }, ["hello"]],
    ["takes no welcome before its hello", opening(), on("welcomed"), 50, opening(), []],
    ["is up once welcomed", greeting(), on("welcomed"), 70, { is: "up", since: 70 }, []],
    ["waits after a refused opening", opening(), lost(1006), 100, { is: "waiting", attempt: 2, lostAt: 100, retryAt: 350 }, []],
    ["waits after a dead greeting", greeting(), on("due"), OPEN_MS_MAX, { is: "waiting", attempt: 2, lostAt: OPEN_MS_MAX, retryAt: OPEN_MS_MAX + 250 }, ["drop"]],
    ["is not hurried by an early timer", greeting(), on("due"), OPEN_MS_MAX - 1, greeting(), []],
    ["comes back after a loss", up, lost(1006), 1_000, { is: "waiting", attempt: 1, lostAt: 1_000, retryAt: 1_125 }, []],
    ["comes back after the relay's restart", up, lost(1012), 1_000, { is: "waiting", attempt: 1, lostAt: 1_000, retryAt: 1_125 }, []],
    ["keeps its distance after too much", up, lost(4429), 1_000, { is: "waiting", attempt: 1, lostAt: 1_000, retryAt: 3_500 }, []],
    ["does not come back after a takeover", up, lost(4409), 1_000, closed("superseded"), []],
    ["nor while greeting", greeting(2, 0), lost(4409), 1_000, closed("superseded"), []],
    ["does not come back with a bad token", greeting(), lost(4401), 1_000, closed("unauthorized"), []],
    ["nor to a session that is not ours", greeting(), lost(4404), 1_000, closed("notYours"), []],
    ["opens anew when suspected", up, on("suspect"), 5, { is: "opening", attempt: 1, lostAt: 5, deadline: 5 + REOPEN_MS_MAX }, ["drop", "open"]],
    ["goes where it is sent", up, on("moved"), 5, { is: "opening", attempt: 1, lostAt: 5, deadline: 5 + REOPEN_MS_MAX }, ["drop", "open"]],
    ["and further, while greeting", greeting(), on("moved"), 5, { is: "opening", attempt: 2, lostAt: 5, deadline: 5 + REOPEN_MS_MAX }, ["drop", "open"]],
    ["but not round and round", greeting(3, 0), on("moved"), 100, { is: "waiting", attempt: 4, lostAt: 0, retryAt: 600 }, ["drop"]],
    ["leaves when asked", up, on("leave"), 5, closed("left"), ["drop"]],
    ["leaves while greeting", greeting(), on("leave"), 5, closed("left"), ["drop"]],
    ["leaves while waiting", waiting, on("leave"), 5, closed("left"), []],
    ["tries again when it is time", waiting, on("due"), 500, { is: "opening", attempt: 3, lostAt: 0, deadline: 500 + REOPEN_MS_MAX }, ["open"]],
    ["and not before", waiting, on("due"), 499, waiting, []],
    ["tries at once when the network is back", waiting, on("hurry"), 5, { is: "opening", attempt: 3, lostAt: 0, deadline: 5 + REOPEN_MS_MAX }, ["open"]],
    ["remembers how long it has been away", opening(3, 0), lost(1006), 1_000, { is: "waiting", attempt: 4, lostAt: 0, retryAt: 1_500 }, []],
    ["gives a slow network all the time it wants, now and then", { is: "waiting", attempt: 4, lostAt: 0, retryAt: 500 }, on("due"), 500, { is: "opening", attempt: 4, lostAt: 0, deadline: 500 + OPEN_MS_MAX }, ["open"]],
    ["is less eager once nobody can be speaking", opening(6, 0), lost(1006), 140_000, { is: "waiting", attempt: 7, lostAt: 0, retryAt: 144_000 }, []],
    ["gives up in the end", opening(9, 0), lost(1006), GIVE_UP_MS, closed("gaveUp"), []],
    ["is taken back by a person", closed("superseded"), on("connect"), 9, { is: "opening", attempt: 1, lostAt: null, deadline: 9 + OPEN_MS_MAX }, ["open"]],
    ["is not taken back by a network", closed("superseded"), on("hurry"), 9, closed("superseded"), []],
    ["nor by a late timer", closed("gaveUp"), on("due"), 9, closed("gaveUp"), []],
  ];

  it.each(table)("%s", (_name, before, event, now, after, actions) => {
    const step = linkStep(before, event, now, 0);
    expect(step.state).toEqual(after);
    expect(step.actions.map((action) => action.do)).toEqual(actions);
  });

  it("decides every pair of state and event", () => {
    const states = [LINK_START, opening(), greeting(), up, waiting, closed("left"), closed("superseded")];
    const events = [on("connect"), on("opened"), on("welcomed"), on("due"), on("suspect"), on("moved"), on("hurry"), on("leave"), lost(1000), lost(4401)];
    for (const state of states) for (const event of events) expect(linkStep(state, event, 0, 0.5).state.is).toBeTypeOf("string");
  });

  it("retries with growing, bounded waits and ends", () => {
    let state: LinkState = up;
    let now = 0;
    const waits: number[] = [];
    state = linkStep(state, lost(1006), now, 0.999).state;
    while (state.is === "waiting" && waits.length < 1_000) {
      waits.push(state.retryAt - now);
      now = state.retryAt;
      state = linkStep(state, on("due"), now, 0.999).state;
      state = linkStep(state, lost(1006), now, 0.999).state;
    }
    expect(state).toEqual(closed("gaveUp"));
    expect(Math.max(...waits)).toBeLessThanOrEqual(8_000);
    expect(waits.slice(0, 5)).toEqual([...waits.slice(0, 5)].sort((a, b) => a - b));
    expect(now).toBeGreaterThanOrEqual(GIVE_UP_MS);
    expect(now).toBeLessThan(GIVE_UP_MS + 8_000);
  });

  it("times what can hang and nothing else", () => {
    expect(linkDue(greeting())).toBe(OPEN_MS_MAX);
    expect(linkDue(waiting)).toBe(500);
    expect(linkDue(up)).toBeNull();
    expect(linkDue(closed("left"))).toBeNull();
  });
});
