/**
 * What the interview page remembers beside the interview's state: when things were lost, and when they came back.
 *
 * Is: a pure reducer, fed with each snapshot. Isn't: words (`words.ts`).
 */

import type { InterviewState } from "@vivavoce/sdk";
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
  /** Since when the floor is the candidate's and nothing has been said; null: it is not. */
  readonly quiet: number | null;
}

export const MEMORY_START: Memory = { aiLost: null, back: null, whole: true, linkLost: null, legLost: null, lostMs: 0, aiSeen: false, quiet: null };

export function memoryStep(memory: Memory, state: InterviewState, now: number): Memory {
  const legLost = state.leg.is === "lost" ? state.leg.since : null;
  const cameBack = memory.legLost !== null && legLost === null && state.leg.is === "up";
  const back = cameBack && now - (memory.legLost ?? now) >= UNSPOKEN_MS ? now : legLost !== null ? null : memory.back;
  // Judged while it lasts and when it ends; what comes after it tells nothing of it.
  const judged = legLost !== null || cameBack;
  const whole = judged ? state.keeping.on && state.keeping.lostMs === memory.lostMs : memory.whole;
  const lostMs = legLost !== null ? memory.lostMs : state.keeping.lostMs;

  const ai = state.server?.ai ?? "none";
  const aiSeen = memory.aiSeen || ai === "up";
  const away = ai === "lost" || ai === "gone" || (ai === "connecting" && aiSeen) || (ai === "connecting" && state.leg.is === "up");
  const aiLost = away ? (memory.aiLost ?? now) : null;

  const linkLost = state.link.is === "up" || state.link.is === "idle" ? null : (memory.linkLost ?? now);

  const last = state.captions.at(-1);
  const floorIsTheirs =
    state.phase.is === "live" && presenceOf(state) === "listening" && state.server?.speaking !== "candidate" && last?.speaker === "ai" && last.final;
  const quiet = floorIsTheirs ? (memory.quiet ?? now) : null;

  return { aiLost, back, whole, linkLost, legLost, lostMs, aiSeen, quiet };
}

export function asideFor(memory: Memory, now: number): string | null {
  return memory.quiet !== null && now - memory.quiet >= TAKE_YOUR_TIME_MS ? "Take your time" : null;
}
