/**
 * What a page shows: one immutable snapshot of the interview, and the pure reducer that makes the next.
 *
 * Is: what the relay told us and what we did, as unions. Isn't: the decisions to reconnect (`link.ts`, `leg.ts`); their
 * states are only copied in here.
 * Law: an ended interview stays ended; nothing here reads a clock.
 */

import { applyCaption } from "./captions.js";
import type { Caption, Captions } from "./captions.js";
import type { LegState } from "./leg.js";
import type { LinkState } from "./link.js";
import type { EndReason, ServerFrame, ServerState, StatsFrame } from "./wire.js";

export type Phase =
  | { readonly is: "idle" }
  /** Asked to join; the interview has not begun for us yet. */
  | { readonly is: "joining"; readonly since: number }
  | { readonly is: "live"; readonly since: number }
  /** The goodbye is being said. */
  | { readonly is: "ending" }
  | { readonly is: "ended"; readonly reason: EndReason | "unknown"; readonly summaryPending: boolean }
  /** Another tab or device has it; `join()` returns it here. */
  | { readonly is: "elsewhere" }
  /** The relay will not have us: the code tells support why. */
  | { readonly is: "refused"; readonly code: string; readonly detail: string }
  /** Left by `leave()`; it may be joined again. */
  | { readonly is: "left" };

export type MicrophoneState =
  | { readonly is: "none" }
  | { readonly is: "live" }
  /** A call, the system or another program has taken it; it may come back by itself. */
  | { readonly is: "silenced"; readonly since: number }
  /** Its track has ended: it must be asked for again. */
  | { readonly is: "lost"; readonly since: number };

/** Whether what is said while the network is away reaches the interviewer afterwards. */
export interface Keeping {
  /** The browser can, and the relay acknowledges. */
  readonly on: boolean;
  /** Speech that was kept for longer than there is room for, in ms since the page was loaded. */
  readonly lostMs: number;
}

export interface Notice {
  readonly code: string;
  readonly text: string;
}

/** Typed words that the relay has not shown as said yet. */
export interface PendingWords {
  readonly id: string;
  readonly text: string;
}

export interface InterviewState {
  readonly phase: Phase;
  readonly link: LinkState;
  readonly leg: LegState;
  /** The relay's own view; null before the first welcome. */
  readonly server: ServerState | null;
  readonly microphone: MicrophoneState;
  readonly muted: boolean;
  readonly captions: Captions;
  readonly pendingWords: readonly PendingWords[];
  /** The latest of each code, in order of arrival. */
  readonly notices: readonly Notice[];
  readonly stats: StatsFrame | null;
  readonly keeping: Keeping;
}

export type StateEvent =
  | { readonly on: "joining"; readonly now: number }
  | { readonly on: "frame"; readonly frame: ServerFrame; readonly now: number }
  | { readonly on: "link"; readonly link: LinkState }
  | { readonly on: "leg"; readonly leg: LegState }
  /** The record, as it was read; `before`: what was shown when it was asked for. */
  | { readonly on: "history"; readonly captions: readonly Caption[]; readonly before: Captions }
  | { readonly on: "microphone"; readonly microphone: MicrophoneState }
  | { readonly on: "muted"; readonly muted: boolean }
  | { readonly on: "words"; readonly words: PendingWords }
  | { readonly on: "stats"; readonly stats: StatsFrame }
  | { readonly on: "keeping"; readonly keeping: Keeping }
  /** The interview is over, and the relay has not said why in time. */
  | { readonly on: "overdue" }
  | { readonly on: "left" };

export const STATE_START: InterviewState = {
  phase: { is: "idle" },
  link: { is: "idle" },
  leg: { is: "idle" },
  server: null,
  microphone: { is: "none" },
  muted: false,
  captions: [],
  pendingWords: [],
  notices: [],
  stats: null,
  keeping: { on: false, lostMs: 0 },
};

export function stateStep(state: InterviewState, event: StateEvent): InterviewState {
  switch (event.on) {
    case "joining":
      return isOver(state.phase) ? state : { ...state, phase: { is: "joining", since: event.now } };
    case "frame":
      return frameStep(state, event.frame, event.now);
    case "link":
      return linkChanged({ ...state, link: event.link });
    case "leg":
      return state.leg === event.leg ? state : { ...state, leg: event.leg };
    case "history":
      return historyRead(state, event.captions, event.before);
    case "microphone":
      return { ...state, microphone: event.microphone };
    case "muted":
      return state.muted === event.muted ? state : { ...state, muted: event.muted };
    case "words":
      return { ...state, pendingWords: [...state.pendingWords, event.words] };
    case "stats":
      return { ...state, stats: event.stats };
    case "keeping":
      return state.keeping.on === event.keeping.on && state.keeping.lostMs === event.keeping.lostMs ? state : { ...state, keeping: event.keeping };
    case "overdue":
      return isAwaitingReason(state)
        ? { ...state, phase: { is: "ended", reason: state.server?.session === "failed" ? "failed" : "unknown", summaryPending: false } }
        : state;
    case "left":
      return isOver(state.phase) ? state : { ...state, phase: { is: "left" } };
    default:
      return never(event);
  }
}

function frameStep(state: InterviewState, frame: ServerFrame, now: number): InterviewState {
  switch (frame.type) {
    case "welcome":
      return serverSays(state, frame.state, now);
    case "state": {
      const { type: _type, ...server } = frame;
      return serverSays(state, server, now);
    }
    case "caption": {
      const captions = applyCaption(state.captions, frame);
      if (frame.speaker !== "candidate" || state.pendingWords.length === 0) return { ...state, captions };
      const said = state.pendingWords.findIndex((w) => w.id === frame.itemId || w.text.trim() === frame.text.trim());
      return { ...state, captions, pendingWords: state.pendingWords.filter((_, i) => i !== said) };
    }
    case "notice":
      return { ...state, notices: [...state.notices.filter((n) => n.code !== frame.code), { code: frame.code, text: frame.text }] };
    case "ended":
      return { ...state, phase: { is: "ended", reason: frame.reason, summaryPending: frame.summaryPending }, pendingWords: [] };
    case "error":
      return frame.fatal && !isOver(state.phase) ? { ...state, phase: { is: "refused", code: frame.code, detail: frame.detail } } : state;
    case "answer":
    case "candidate":
    case "renegotiate":
    case "moved":
    case "ack":
      return state;
    default:
      return never(frame);
  }
}

/** The record wins over what is shown, but for what has come since it was asked for (`sync.ts`). */
function historyRead(state: InterviewState, record: readonly Caption[], before: Captions): InterviewState {
  const find = (captions: Captions, id: string) => captions.find(({ itemId }) => itemId === id);
  const captions = record.reduce((shown, entry) => {
    const known = find(shown, entry.itemId);
    const isYounger = known?.final === true && known !== find(before, entry.itemId);
    return isYounger || (known?.final === true && known.text === entry.text) ? shown : applyCaption(shown, toFrame(entry));
  }, state.captions);
  const said = record.filter(({ speaker }) => speaker === "candidate").map(({ text }) => text.trim());
  const pendingWords = state.pendingWords.filter(({ text }) => !said.includes(text.trim()));
  if (captions === state.captions && pendingWords.length === state.pendingWords.length) return state;
  return { ...state, captions, pendingWords };
}

function serverSays(state: InterviewState, server: ServerState, now: number): InterviewState {
  return { ...state, server, phase: phaseFor(state.phase, server, now) };
}

function phaseFor(phase: Phase, server: ServerState, now: number): Phase {
  if (phase.is === "ended") return phase;
  switch (server.session) {
    case "waiting":
    case "connecting":
      return phase.is === "joining" ? phase : { is: "joining", since: now };
    case "live":
      return phase.is === "live" ? phase : { is: "live", since: now };
    // The last two are over; why comes with `ended`, right behind.
    case "ending":
    case "completed":
    case "failed":
      return phase.is === "ending" ? phase : { is: "ending" };
    default:
      return never(server.session);
  }
}

function linkChanged(state: InterviewState): InterviewState {
  if (isOver(state.phase) || state.link.is !== "closed") return state;
  switch (state.link.reason) {
    case "superseded":
      return { ...state, phase: { is: "elsewhere" } };
    case "unauthorized":
    case "notYours":
    case "gaveUp":
      return { ...state, phase: { is: "refused", code: state.link.reason, detail: "" } };
    case "left":
      return state;
    default:
      return never(state.link.reason);
  }
}

/** Over, but `ended` has not come yet. */
export function isAwaitingReason(state: InterviewState): boolean {
  return !isOver(state.phase) && (state.server?.session === "completed" || state.server?.session === "failed");
}

function isOver(phase: Phase): boolean {
  return phase.is === "ended";
}

function toFrame(caption: Caption): Parameters<typeof applyCaption>[1] {
  const { previousItemId, ...rest } = caption;
  return previousItemId === undefined ? rest : { ...rest, previousItemId };
}

/** What the interviewer seems to be doing. */
export type Presence = "away" | "listening" | "thinking" | "speaking";

/** Derived: from what the relay says of the voices, else from the captions' shape. */
export function presenceOf(state: InterviewState): Presence {
  if (state.server === null || state.server.ai !== "up") return "away";
  const { speaking } = state.server;
  if (speaking === "ai") return "speaking";
  if (speaking === "candidate") return "listening";
  const last = state.captions.at(-1);
  if (last === undefined) return "thinking"; // It opens the talk itself.
  if (last.speaker === "candidate") return last.final ? "thinking" : "listening";
  return last.final || speaking === null ? "listening" : "speaking";
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
