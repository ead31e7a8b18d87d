/**
 * Whether anything comes from the relay: how a page notices its own outage without being told, and before ICE does.
 *
 * Is: pure. Isn't: what is done about it (`leg.ts`). Browsers take 5 to 7 s to call a dead path disconnected (measured in Chromium
 * 156); the relay's reports come once a second whether anybody speaks or not.
 */

/** Between two looks, in ms. */
export const PULSE_MS = 250;
/** Nothing for so long, and the network is away: a report was due twice, nearly. In ms. */
export const SILENT_MS = 1_800;

export interface Pulse {
  readonly signs: number;
  readonly heardAt: number;
  readonly is: "heard" | "silent";
}

/** `signs` is a `Sample`'s, 0 where a browser tells nothing; `before`: null at the first look at a peer. */
export function pulseStep(before: Pulse | null, signs: number, now: number): Pulse {
  if (before === null || signs === 0 || signs !== before.signs) return { signs, heardAt: now, is: "heard" };
  return now - before.heardAt >= SILENT_MS ? { ...before, is: "silent" } : before;
}
