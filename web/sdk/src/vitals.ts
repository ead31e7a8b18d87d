/**
 * The peer in use, looked at now and then: its quality for people, its pulse for the leg's machine.
 *
 * Is: two timers on `getStats`. Isn't: what follows (`leg.ts`, `interview.ts`).
 */

import type { LegEvent } from "./leg.js";
import type { PeerPort } from "./peer.js";
import type { Peers } from "./peers.js";
import type { Ports } from "./ports.js";
import { PULSE_MS, pulseStep } from "./pulse.js";
import type { Pulse } from "./pulse.js";
import { digest, sampleOf } from "./stats.js";
import type { Sample } from "./stats.js";
import type { StatsFrame } from "./wire.js";

/** How often the quality of the leg is read and told, in ms. */
export const STATS_MS = 5_000;

export interface VitalsHandlers {
  stats(stats: StatsFrame): void;
  pulse(event: Extract<LegEvent, { on: "silent" | "heard" }>): void;
}

export class Vitals {
  readonly #ports: Pick<Ports, "now" | "timer">;
  readonly #peers: Peers;
  readonly #handlers: VitalsHandlers;
  #sample: Sample | null = null;
  #pulse: Pulse | null = null;
  #heardAt: number | null = null;
  #cancelStats: (() => void) | null = null;
  #cancelPulse: (() => void) | null = null;

  constructor(ports: Pick<Ports, "now" | "timer">, peers: Peers, handlers: VitalsHandlers) {
    this.#ports = ports;
    this.#peers = peers;
    this.#handlers = handlers;
  }

  /** From now until `stop`, as long as there is a peer. */
  watch(): void {
    this.#cancelStats ??= this.#ports.timer(STATS_MS, () => {
      this.#cancelStats = null;
      void this.#quality();
    });
    this.#cancelPulse ??= this.#ports.timer(PULSE_MS, () => {
      this.#cancelPulse = null;
      void this.#feel();
    });
  }

  /** Another peer: its totals begin anew. */
  renew(): void {
    this.#sample = this.#pulse = null;
  }

  /** For how long no sound has come, as a hello tells it; nothing where it is not known. Whichever peer it was that heard. */
  get quiet(): { readonly quietMs?: number } {
    return this.#heardAt === null ? {} : { quietMs: Math.max(0, Math.round(this.#ports.now() - this.#heardAt)) };
  }

  /** Looks at once, beside the timers: after what may have ended the sound. */
  glance(): void {
    void this.#feel();
  }

  stop(): void {
    this.#cancelStats?.();
    this.#cancelPulse?.();
    this.#cancelStats = this.#cancelPulse = null;
  }

  async #quality(): Promise<void> {
    await this.#look((after) => {
      const stats = digest(this.#sample, after);
      this.#sample = after;
      this.#handlers.stats(stats);
    });
  }

  async #feel(): Promise<void> {
    await this.#look(({ signs }, now) => {
      // Before it has been up once, a peer's signs of life are those of its making.
      if (!this.#peers.isUp) return;
      this.#pulse = pulseStep(this.#pulse, signs, now);
      this.#handlers.pulse(this.#pulse.is === "silent" ? { on: "silent", since: this.#pulse.heardAt } : { on: "heard" });
    });
  }

  async #look(then: (sample: Sample, now: number) => void): Promise<void> {
    const peer: PeerPort | null = this.#peers.current;
    if (peer === null) return;
    try {
      const sample = sampleOf(await peer.stats(), this.#ports.now());
      if (!this.#peers.is(peer)) return;
      if (sample.quietMs !== null) this.#heardAt = sample.at - sample.quietMs;
      then(sample, this.#ports.now());
    } catch {
      // A peer that has just been closed has no figures.
    }
    if (this.#peers.current !== null) this.watch();
  }
}
