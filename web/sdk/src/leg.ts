/**
 * The candidate's media leg, as a pure machine: when to offer, how (a new peer or an ICE restart), when to try again.
 *
 * Is: states, events in, actions out. Isn't: an RTCPeerConnection (`peer.ts`) or the socket (`link.ts`); media goes on
 * while the socket is away.
 * Law: the browser always offers; at most one offer is in the air; a try that comes to nothing is followed by a
 * stronger one (restart, then a new peer), then by a wait; only `stop` or a long loss ends it.
 */

import { OFFER_BACKOFF, waitMs } from "./backoff.js";

/** The relay answers in milliseconds; longer than this and the socket is to blame, in ms. */
export const ANSWER_MS_MAX = 3_000;
/** An ICE restart that has not connected by then is followed by a new peer, in ms. */
export const RESTART_MS_MAX = 6_000;
/** A new peer that has not connected by then is given up for another, in ms. */
export const FRESH_MS_MAX = 12_000;
/** A leg away for this long is not tried any more by itself, in ms. */
export const LOST_MS_MAX = 15 * 60_000;

export type LossCause =
  /** Nothing has come from the relay for nearly two seconds, whatever ICE thinks of it. */
  | "silent"
  /** Nothing came through for a few seconds; often comes back. */
  | "disconnected"
  /** ICE or DTLS gave up: only a new peer helps. */
  | "failed"
  /** The relay asked for a new peer. */
  | "asked";

export type LegState =
  | { readonly is: "idle" }
  /** Has never been up. */
  | { readonly is: "connecting"; readonly since: number }
  | { readonly is: "up"; readonly since: number }
  | { readonly is: "lost"; readonly since: number; readonly cause: LossCause }
  | { readonly is: "ended"; readonly reason: "stopped" | "gaveUp" };

/** `fresh`: a new peer; `restart`: new ICE credentials on the one that is there. */
export type How = "fresh" | "restart";

/** What is being done about it. */
export type Try =
  | { readonly is: "none" }
  /** There is no socket to send an offer through. */
  | { readonly is: "blocked"; readonly how: How }
  | { readonly is: "offered"; readonly how: How; readonly id: string; readonly deadline: number }
  /** Answered; media is finding its way. */
  | { readonly is: "checking"; readonly how: How; readonly deadline: number }
  | { readonly is: "pausing"; readonly until: number };

export interface Leg {
  readonly leg: LegState;
  readonly try: Try;
  /** Whether an offer can be sent. */
  readonly link: boolean;
  /** Tries in a row that came to nothing. */
  readonly failures: number;
  /** Offers made so far; with `prefix` it names them, once for every load of the page. */
  readonly offers: number;
  readonly prefix: string;
}

export type LegEvent =
  /** There is a microphone (or a decision to do without): begin, or begin again. */
  | { readonly on: "start" }
  /** The relay has greeted us; `resumed`: it still has our leg. */
  | { readonly on: "linkUp"; readonly resumed: boolean }
  | { readonly on: "linkDown" }
  | { readonly on: "answered"; readonly id: string }
  /** The browser could not make the offer, or not take the answer. */
  | { readonly on: "broken" }
  | { readonly on: "connected" }
  | { readonly on: "disconnected" }
  | { readonly on: "failed" }
  | { readonly on: "renegotiate"; readonly iceRestart: boolean }
  /** Nothing has come from the relay since then. */
  | { readonly on: "silent"; readonly since: number }
  /** Something comes from the relay again. */
  | { readonly on: "heard" }
  /** The browser says that there is a network again. */
  | { readonly on: "hurry" }
  | { readonly on: "due" }
  | { readonly on: "stop" };

export type LegAction =
  | { readonly do: "offer"; readonly how: How; readonly id: string }
  /** An offer was not answered: the socket is open in name only. */
  | { readonly do: "suspectLink" }
  | { readonly do: "close" };

export interface LegStep {
  readonly state: Leg;
  readonly actions: readonly LegAction[];
}

export function legStart(prefix: string): Leg {
  return { leg: { is: "idle" }, try: { is: "none" }, link: false, failures: 0, offers: 0, prefix };
}

/** When to call again with `due`; null: nothing is timed. */
export function legDue(state: Leg): number | null {
  switch (state.try.is) {
    case "offered":
    case "checking":
      return state.try.deadline;
    case "pausing":
      return state.try.until;
    case "none":
    case "blocked":
      return null;
    default:
      return never(state.try);
  }
}

/** One thing happened. `now` in ms of any steady clock; `draw` in [0, 1) spreads the retries. */
export function legStep(state: Leg, event: LegEvent, now: number, draw: number): LegStep {
  // The socket's comings and goings are known in every state.
  if (event.on === "linkUp" || event.on === "linkDown") state = { ...state, link: event.on === "linkUp" };
  switch (state.leg.is) {
    case "idle":
    case "ended":
      return resting(state, event, now);
    case "up":
      return up(state, event, now, draw);
    case "connecting":
    case "lost":
      return away(state, event, now, draw);
    default:
      return never(state.leg);
  }
}

function resting(state: Leg, event: LegEvent, now: number): LegStep {
  switch (event.on) {
    case "start":
      return offer({ ...state, leg: { is: "connecting", since: now }, failures: 0 }, "fresh", now);
    case "stop":
      return state.leg.is === "ended" ? stay(state) : stop(state, "stopped");
    case "linkUp":
    case "linkDown":
    case "answered":
    case "broken":
    case "connected":
    case "disconnected":
    case "failed":
    case "renegotiate":
    case "silent":
    case "heard":
    case "hurry":
    case "due":
      return stay(state);
    default:
      return never(event);
  }
}

function up(state: Leg, event: LegEvent, now: number, draw: number): LegStep {
  switch (event.on) {
    case "silent":
    case "disconnected": {
      const since = event.on === "silent" ? event.since : now;
      const lost: Leg = { ...state, leg: { is: "lost", since, cause: event.on } };
      // What the relay had asked for, having noticed first, is the repair already; unless all was well again since.
      if (state.try.is === "offered" || (state.try.is === "checking" && since < state.try.deadline - RESTART_MS_MAX)) return stay(lost);
      return offer(lost, "restart", now);
    }
    case "failed":
      return offer({ ...state, leg: { is: "lost", since: now, cause: "failed" } }, "fresh", now);
    case "renegotiate":
      return event.iceRestart ? (inTheAir(state) ? stay(state) : offer(state, "restart", now)) : offer(askedAway(state, now), "fresh", now);
    case "linkUp":
      // A relay that does not know our leg will never hear it.
      if (!event.resumed) return offer(askedAway(state, now), "fresh", now);
      return state.try.is === "blocked" ? offer(state, state.try.how, now) : stay(state);
    case "linkDown":
      return state.try.is === "offered" ? stay({ ...state, try: { is: "blocked", how: state.try.how } }) : stay(state);
    case "answered":
      if (state.try.is !== "offered" || state.try.id !== event.id) return stay(state);
      return stay({ ...state, try: state.try.how === "restart" ? checking("restart", now) : { is: "none" } });
    case "broken":
      return state.try.is === "none" ? stay(state) : fail(askedAway(state, now), now, draw);
    case "due":
      if (state.try.is === "checking") return now >= state.try.deadline ? stay({ ...state, try: { is: "none" } }) : stay(state);
      return state.try.is === "offered" && now >= state.try.deadline ? suspect(state, state.try.how) : stay(state);
    case "stop":
      return stop(state, "stopped");
    case "start":
    case "connected":
    case "heard":
    case "hurry":
      return stay(state);
    default:
      return never(event);
  }
}

function away(state: Leg, event: LegEvent, now: number, draw: number): LegStep {
  switch (event.on) {
    case "heard":
      // Another loss wants more than a sign of life: ICE's own word.
      if (state.leg.is !== "lost" || state.leg.cause !== "silent") return stay(state);
      return away(state, { on: "connected" }, now, draw);
    case "connected":
      return stay({
        ...state,
        leg: { is: "up", since: now },
        failures: 0,
        // An offer in the air must still have its answer before another may be made.
        try: state.try.is === "offered" ? state.try : { is: "none" },
      });
    case "answered": {
      if (state.try.is !== "offered" || state.try.id !== event.id) return stay(state);
      return stay({ ...state, try: checking(state.try.how, now) });
    }
    case "failed":
    case "broken":
      return fail(state, now, draw);
    case "renegotiate": {
      const stands = state.leg.is === "lost" && (state.leg.cause === "disconnected" || state.leg.cause === "silent");
      const how: How = event.iceRestart && stands ? "restart" : "fresh";
      // What is in the air already is as strong as what is asked for; and a restart that was answered and finds its way is the
      // one that the relay asks for, having noticed the same loss a moment later than we.
      if (state.try.is === "offered" && (state.try.how === "fresh" || how === "restart")) return stay(state);
      if (state.try.is === "checking" && how === "restart") return stay(state);
      return offer(state, how, now);
    }
    case "linkUp":
      if (!event.resumed) return offer(state, "fresh", now);
      return state.try.is === "blocked" ? offer(state, state.try.how, now) : stay(state);
    case "linkDown":
      return state.try.is === "offered" ? stay({ ...state, try: { is: "blocked", how: state.try.how } }) : stay(state);
    case "hurry":
      return state.try.is === "pausing" ? offer(state, "fresh", now) : stay(state);
    case "due":
      switch (state.try.is) {
        case "offered":
          return now >= state.try.deadline ? suspect(state, state.try.how) : stay(state);
        case "checking":
          return now >= state.try.deadline ? fail(state, now, draw) : stay(state);
        case "pausing":
          return now >= state.try.until ? offer(state, "fresh", now) : stay(state);
        case "none":
        case "blocked":
          return stay(state);
        default:
          return never(state.try);
      }
    case "stop":
      return stop(state, "stopped");
    case "start":
    case "silent":
    case "disconnected":
      return stay(state);
    default:
      return never(event);
  }
}

/** The try came to nothing: a stronger one, then a wait. */
function fail(state: Leg, now: number, draw: number): LegStep {
  const since = state.leg.is === "lost" || state.leg.is === "connecting" ? state.leg.since : now;
  if (now - since >= LOST_MS_MAX) return stop(state, "gaveUp");
  const failures = state.failures + 1;
  const restarted = "how" in state.try && state.try.how === "restart";
  if (restarted || state.try.is === "none") return offer({ ...state, failures }, "fresh", now);
  return stay({ ...state, failures, try: { is: "pausing", until: now + waitMs(OFFER_BACKOFF, failures, draw) } });
}

function offer(state: Leg, how: How, now: number): LegStep {
  if (!state.link) return stay({ ...state, try: { is: "blocked", how } });
  const offers = state.offers + 1;
  const id = `${state.prefix}${offers}`;
  return {
    state: { ...state, offers, try: { is: "offered", how, id, deadline: now + ANSWER_MS_MAX } },
    actions: [{ do: "offer", how, id }],
  };
}

function suspect(state: Leg, how: How): LegStep {
  return { state: { ...state, link: false, try: { is: "blocked", how } }, actions: [{ do: "suspectLink" }] };
}

function stop(state: Leg, reason: "stopped" | "gaveUp"): LegStep {
  return { state: { ...state, leg: { is: "ended", reason }, try: { is: "none" } }, actions: [{ do: "close" }] };
}

function askedAway(state: Leg, now: number): Leg {
  return { ...state, leg: { is: "lost", since: now, cause: "asked" } };
}

function checking(how: How, now: number): Try {
  return { is: "checking", how, deadline: now + (how === "restart" ? RESTART_MS_MAX : FRESH_MS_MAX) };
}

function inTheAir(state: Leg): boolean {
  return state.try.is === "offered";
}

function stay(state: Leg): LegStep {
  return { state, actions: [] };
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
