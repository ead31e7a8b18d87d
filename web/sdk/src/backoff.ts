/**
 * How long to wait before the next try. A pure policy: the caller brings the dice.
 *
 * Law: the wait grows, is spread so that a thousand pages do not return in one second, and is bounded.
 */

export interface Backoff {
  /** First wait, in ms. */
  readonly firstMs: number;
  /** Longest wait, in ms. */
  readonly maxMs: number;
}

/** For the socket: quick at first, since most losses are a change of network. */
export const SOCKET_BACKOFF: Backoff = { firstMs: 250, maxMs: 8_000 };
/** For the socket while somebody may be speaking: not more than a second is added to an outage. */
export const EAGER_BACKOFF: Backoff = { firstMs: 250, maxMs: 1_000 };
/** For offers that came to nothing. */
export const OFFER_BACKOFF: Backoff = { firstMs: 500, maxMs: 8_000 };
/** After "too much" (4429): the relay asks for distance. */
export const BUSY_BACKOFF: Backoff = { firstMs: 5_000, maxMs: 30_000 };

/**
 * The wait before try number `attempt` (1 is the first retry). `draw` is in [0, 1): the wait lies between half of the
 * step and the whole of it.
 */
export function waitMs(policy: Backoff, attempt: number, draw: number): number {
  const step = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(Math.max(attempt - 1, 0), 20));
  return Math.round(step / 2 + (step / 2) * draw);
}
