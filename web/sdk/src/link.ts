/**
 * The socket's life, as a pure machine: when to open it, when to open it again, when to leave it closed.
 *
 * Is: states, events in, actions out. Isn't: a WebSocket (`interview.ts` carries the actions) or the media leg, which
 * goes on without a socket (`leg.ts`).
 * Law: every pair of state and event is decided; a takeover or a refusal never comes back by itself; every wait ends.
 */

import { BUSY_BACKOFF, EAGER_BACKOFF, SOCKET_BACKOFF, waitMs } from "./backoff.js";
import { CLOSE } from "./wire.js";

/** A socket that says nothing for this long while opening is given up, in ms. */
export const OPEN_MS_MAX = 10_000;
/**
 * And while greeting: sooner than the relay, which after 10 s without a hello closes as it does where a token is not good; and a hello
 * that the network has swallowed is no reason to send a person away. In ms.
 */
export const GREET_MS_MAX = 8_000;
/**
 * The same for most tries to come back: what is sent into a dead network is sent again by TCP after growing waits, and a new socket
 * is sooner there than an old one. Every fourth is given all the time that a slow network may want. In ms.
 */
export const REOPEN_MS_MAX = 2_500;
/** For so long somebody is speaking into a page that keeps it: tries come quickly. In ms. */
export const EAGER_MS = 130_000;
/** So often in a row the page goes at once to where it is sent; two relays that send it to each other are given time. */
export const MOVES_MAX = 3;
/** After this long without a socket the page stops trying by itself, in ms. */
export const GIVE_UP_MS = 15 * 60_000;

export type LinkClosed =
  /** Another tab or device has the interview. */
  | "superseded"
  /** The access token is not good (any more). */
  | "unauthorized"
  /** No such session for this caller. */
  | "notYours"
  /** Tried for long, without success. */
  | "gaveUp"
  /** We left, or the interview is over. */
  | "left";

export type LinkState =
  | { readonly is: "idle" }
  | { readonly is: "opening"; readonly attempt: number; readonly lostAt: number | null; readonly deadline: number }
  | { readonly is: "greeting"; readonly attempt: number; readonly lostAt: number | null; readonly deadline: number }
  | { readonly is: "up"; readonly since: number }
  | { readonly is: "waiting"; readonly attempt: number; readonly lostAt: number; readonly retryAt: number }
  | { readonly is: "closed"; readonly reason: LinkClosed };

export type LinkEvent =
  | { readonly on: "connect" }
  | { readonly on: "opened" }
  | { readonly on: "welcomed" }
  | { readonly on: "lost"; readonly code: number }
  /** The deadline of `linkDue` has come. */
  | { readonly on: "due" }
  /** The socket looks open but does not answer. */
  | { readonly on: "suspect" }
  /** The interview is to be found elsewhere. */
  | { readonly on: "moved" }
  /** The browser says that there is a network again, or a person asks to try at once. */
  | { readonly on: "hurry" }
  | { readonly on: "leave" };

export type LinkAction = { readonly do: "open" } | { readonly do: "hello" } | { readonly do: "drop" };

export interface LinkStep {
  readonly state: LinkState;
  readonly actions: readonly LinkAction[];
}

export const LINK_START: LinkState = { is: "idle" };

/** When to call again with `due`; null: nothing is timed. */
export function linkDue(state: LinkState): number | null {
  switch (state.is) {
    case "opening":
    case "greeting":
      return state.deadline;
    case "waiting":
      return state.retryAt;
    case "idle":
    case "up":
    case "closed":
      return null;
    default:
      return never(state);
  }
}

/** One thing happened. `now` in ms of any steady clock; `draw` in [0, 1) spreads the retries. */
export function linkStep(state: LinkState, event: LinkEvent, now: number, draw: number): LinkStep {
  switch (state.is) {
    case "idle":
      return event.on === "connect" ? open(1, null, now) : event.on === "leave" ? closed("left", []) : stay(state);

    case "opening":
    case "greeting":
      switch (event.on) {
        case "opened":
          return state.is === "opening"
            ? { state: { ...state, is: "greeting", deadline: now + Math.min(GREET_MS_MAX, patience(state.attempt, state.lostAt)) }, actions: [{ do: "hello" }] }
            : stay(state);
        case "welcomed":
          return state.is === "greeting" ? { state: { is: "up", since: now }, actions: [] } : stay(state);
        case "lost":
          return lost(event.code, state.attempt, state.lostAt ?? now, now, draw, []);
        case "due":
          return now < state.deadline ? stay(state) : lost(0, state.attempt, state.lostAt ?? now, now, draw, [{ do: "drop" }]);
        case "leave":
          return closed("left", [{ do: "drop" }]);
        case "moved":
          if (state.is !== "greeting") return stay(state);
          return state.attempt < MOVES_MAX ? move(state.attempt + 1, state.lostAt ?? now, now) : lost(0, state.attempt, state.lostAt ?? now, now, draw, [{ do: "drop" }]);
        case "connect":
        case "suspect":
        case "hurry":
          return stay(state);
        default:
          return never(event);
      }

    case "up":
      switch (event.on) {
        case "lost":
          return lost(event.code, 0, now, now, draw, []);
        case "suspect":
        case "moved":
          // At once and without a wait: nothing has refused us yet.
          return move(1, now, now);
        case "leave":
          return closed("left", [{ do: "drop" }]);
        case "connect":
        case "opened":
        case "welcomed":
        case "due":
        case "hurry":
          return stay(state);
        default:
          return never(event);
      }

    case "waiting":
      switch (event.on) {
        case "due":
          return now < state.retryAt ? stay(state) : open(state.attempt, state.lostAt, now);
        case "hurry":
        case "connect":
          return open(state.attempt, state.lostAt, now);
        case "leave":
          return closed("left", []);
        case "opened":
        case "welcomed":
        case "lost":
        case "suspect":
        case "moved":
          return stay(state);
        default:
          return never(event);
      }

    case "closed":
      // Only a person's wish brings it back.
      return event.on === "connect" ? open(1, null, now) : stay(state);

    default:
      return never(state);
  }
}

function lost(code: number, attempt: number, lostAt: number, now: number, draw: number, actions: readonly LinkAction[]): LinkStep {
  switch (code) {
    case CLOSE.superseded:
      return closed("superseded", actions);
    case CLOSE.unauthorized:
      return closed("unauthorized", actions);
    case CLOSE.notYours:
      return closed("notYours", actions);
    default: {
      if (now - lostAt >= GIVE_UP_MS) return closed("gaveUp", actions);
      const next = attempt + 1;
      const policy = code === CLOSE.tooMuch ? BUSY_BACKOFF : now - lostAt < EAGER_MS ? EAGER_BACKOFF : SOCKET_BACKOFF;
      return { state: { is: "waiting", attempt: next, lostAt, retryAt: now + waitMs(policy, next, draw) }, actions };
    }
  }
}

function open(attempt: number, lostAt: number | null, now: number): LinkStep {
  return { state: { is: "opening", attempt, lostAt, deadline: now + patience(attempt, lostAt) }, actions: [{ do: "open" }] };
}

/** How long a step of opening may take. A page that has never had a socket has nothing to hurry for. */
function patience(attempt: number, lostAt: number | null): number {
  return lostAt === null || attempt % 4 === 0 ? OPEN_MS_MAX : REOPEN_MS_MAX;
}

function move(attempt: number, lostAt: number, now: number): LinkStep {
  const { state, actions } = open(attempt, lostAt, now);
  return { state, actions: [{ do: "drop" }, ...actions] };
}

function closed(reason: LinkClosed, actions: readonly LinkAction[]): LinkStep {
  return { state: { is: "closed", reason }, actions };
}

function stay(state: LinkState): LinkStep {
  return { state, actions: [] };
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
