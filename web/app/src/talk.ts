/**
 * What the interview page remembers beside the interview's state: when things were lost, and when they came back.
 *
 * Is: a pure reducer, fed with each snapshot. Isn't: words (`words.ts`).
 */

import type { InterviewState, Notice } from "@vivavoce/sdk";
import { presenceOf } from "@vivavoce/sdk";
import { UNSPOKEN_MS } from "./words.js";
import type { Since } from "./words.js";

/** Silence after a question that deserves a kind word, in ms. The position's own patience is not told to the page. */
export const TAKE_YOUR_TIME_MS = 7_000;

export interface Memory extends Since {
  /** Since when the leg is lost; null: it is not. */
  readonly legLost: number | null;
  /** Speech that there was no room for, when the leg was last well, in ms. */
  readonly lostMs: number;
  /** Whether the interviewer has ever been here. */
  readonly aiSeen: boolean;
  /** What the relay had said of an interviewer out of reach when it was last here: that counts no more. */
  readonly aiNotice: Notice | null;
  /** Since when the microphone is taken away; null: it is not. */
  readonly microphoneLost: number | null;
  /** Since when the floor is the candidate's and nothing has been said; null: it is not. */
  readonly quiet: number | null;
}

export const MEMORY_START: Memory = {
  aiLost: null,
  aiRefused: false,
  back: null,
  whole: true,
  linkLost: null,
  aiDue: null,
  heardAgain: null,
  legLost: null,
  lostMs: 0,
  aiSeen: false,
  aiNotice: null,
  microphoneLost: null,
  quiet: null,
};

export function memoryStep(memory: Memory, state: InterviewState, now: number): Memory {
  const legLost = state.leg.is === "lost" ? state.leg.since : null;
  const cameBack = memory.legLost !== null && legLost === null && state.leg.is === "up";
  // A loss that is not worth a word takes nothing of the one before it back: ICE may notice an outage as it ends.
  const lossMs = legLost !== null ? now - legLost : cameBack ? now - (memory.legLost ?? now) : 0;
  const isSpokenOf = lossMs >= UNSPOKEN_MS;
  const back = !isSpokenOf ? memory.back : cameBack ? now : null;
  // Judged while it lasts and when it ends; what comes after it tells nothing of it.
  const isKept = state.keeping.on && state.keeping.lostMs === memory.lostMs;
  const whole = legLost === null && !cameBack ? memory.whole : isKept && (isSpokenOf || memory.back === null || memory.whole);
  const lostMs = legLost !== null ? memory.lostMs : state.keeping.lostMs;

  const ai = state.server?.ai ?? "none";
  const aiSeen = memory.aiSeen || ai === "up";
  const away = ai === "lost" || ai === "gone" || (ai === "connecting" && aiSeen) || (ai === "connecting" && state.leg.is === "up");
  const aiLost = away ? (memory.aiLost ?? now) : null;
  const told = state.notices.find(({ code }) => code === "ai_unreachable") ?? null;
  const aiNotice = ai === "up" ? told : memory.aiNotice;
  const aiRefused = away && told !== aiNotice;

  const linkLost = state.link.is === "up" || state.link.is === "idle" ? null : (memory.linkLost ?? now);

  const microphoneLost = state.microphone.is === "lost" || state.microphone.is === "silenced" ? state.microphone.since : null;
  const gaveBack = memory.microphoneLost !== null && state.microphone.is === "live" && now - memory.microphoneLost >= UNSPOKEN_MS;
  const heardAgain = gaveBack ? now : microphoneLost !== null ? null : memory.heardAgain;

  const last = state.captions.at(-1);
  const isDue = state.phase.is === "live" && state.leg.is === "up" && presenceOf(state) === "thinking" && last?.speaker === "candidate";
  const aiDue = isDue ? (memory.aiDue ?? now) : null;
  const floorIsTheirs =
    state.phase.is === "live" && presenceOf(state) === "listening" && state.server?.speaking !== "candidate" && last?.speaker === "ai" && last.final;
  const quiet = floorIsTheirs ? (memory.quiet ?? now) : null;

  return { aiLost, aiRefused, back, whole, linkLost, aiDue, heardAgain, legLost, lostMs, aiSeen, aiNotice, microphoneLost, quiet };
}

export function asideFor(memory: Memory, now: number): string | null {
  return memory.quiet !== null && now - memory.quiet >= TAKE_YOUR_TIME_MS ? "Take your time" : null;
}
