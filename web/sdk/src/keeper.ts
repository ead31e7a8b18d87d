/**
 * Nothing that the candidate says is lost: keeps what the microphone's encoder makes until the relay has it, and sends what
 * the relay lacks.
 *
 * Is: the driver of `speech-ring.ts`, `speech-frames.ts` and `shelf.ts`. Isn't: a judgement of what is lacking; the relay knows.
 * Law: what is said while muted is not kept; nothing is answered before what a page before this one has kept is known; once
 * the interview is over nothing is kept anywhere.
 */

import type { ShelfPort } from "./shelf.js";
import type { Keeping } from "./state.js";
import { speechFrames } from "./speech-frames.js";
import { SpeechRing, whole } from "./speech-ring.js";
import type { AckFrame, HeardUpTo } from "./wire.js";

/** The relay acknowledges once a second; longer without, and what is said is put on the shelf, for a page that comes after this one. In ms. */
export const SHELVE_MS_MIN = 2_000;
/** Between two writes to the shelf, in ms. */
export const SHELVE_EVERY_MS = 1_000;

export interface KeeperPorts {
  now(): number;
  send(bytes: ArrayBuffer): boolean;
  readonly shelf: ShelfPort | null;
}

export class Keeper {
  readonly #ports: KeeperPorts;
  readonly #ring = new SpeechRing();
  /** What other pages have kept is known. */
  #loaded: Promise<void>;
  #isMuted = false;
  #isOver = false;
  /** When the relay last acknowledged anything; null: never. */
  #ackAt: number | null = null;
  #shelvedAt = -Infinity;
  #isShelved = false;

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
    this.#loaded = this.#load();
  }

  /** For who shows it. */
  get keeping(): Keeping {
    return { on: this.#ackAt !== null, lostMs: this.#ring.lostMs };
  }

  mute(on: boolean): void {
    this.#isMuted = on;
  }

  /** One packet, as it was made for the wire. */
  speech(stream: number, timestamp: number, opus: Uint8Array): void {
    if (this.#isMuted || this.#isOver) return;
    this.#ring.push(stream, timestamp, opus);
    if (this.#isAway && this.#ports.now() - this.#shelvedAt >= SHELVE_EVERY_MS) this.shelve();
  }

  /** The relay has so much, and lacks something perhaps. */
  acknowledged({ stream, upTo, lacks }: Omit<AckFrame, "type">): void {
    this.#ackAt = this.#ports.now();
    this.#ring.acknowledge(stream, upTo);
    if (lacks.length > 0) void this.#loaded.then(() => this.#answer(stream, lacks));
    if (this.#isShelved && lacks.length === 0) this.#unshelve();
  }

  /** A relay has greeted us: streams that it does not know, it is told all of. A page that we have replaced has put what it kept on the shelf. */
  welcomed(heard: readonly HeardUpTo[]): void {
    for (const { stream, upTo } of heard) this.#ring.acknowledge(stream, upTo);
    this.#loaded = this.#loaded.then(() => this.#load());
    void this.#loaded.then(() => {
      for (const { stream, upTo } of heard) this.#ring.acknowledge(stream, upTo);
      for (const stream of this.#ring.streams) {
        const packets = this.#ring.between(stream, null, null);
        if (!heard.some((known) => known.stream === stream) && packets.length > 0) this.#send(stream, packets, this.#ring.endOf(stream));
      }
    });
  }

  /** Writes down what the relay does not have, for a page that comes after this one. */
  shelve(): void {
    if (this.#isOver || this.#ring.ms === 0) return;
    this.#shelvedAt = this.#ports.now();
    this.#isShelved = true;
    void this.#ports.shelf?.put(this.#ring.stored()).catch(() => undefined);
  }

  /** The interview is over: nothing is kept. */
  over(): void {
    this.#isOver = true;
    this.#ring.clear();
    void this.#ports.shelf?.burn().catch(() => undefined);
  }

  get #isAway(): boolean {
    return this.#ackAt !== null && this.#ports.now() - this.#ackAt >= SHELVE_MS_MIN;
  }

  #answer(stream: number, lacks: AckFrame["lacks"]): void {
    for (const [from, to] of lacks) {
      const packets = this.#ring.between(stream, from, to);
      const end = this.#ring.endOf(stream) ?? from;
      // As a page goes, its last packets may have left and not been kept: the relay has more of the stream than is here.
      this.#send(stream, packets, to === null ? Math.max(end, whole(from, end)) : whole(to, end));
    }
  }

  #send(stream: number, packets: Parameters<typeof speechFrames>[1], until: number | null): void {
    for (const frame of speechFrames(stream, packets, until)) if (!this.#ports.send(frame)) return;
  }

  async #load(): Promise<void> {
    try {
      const stored = (await this.#ports.shelf?.take()) ?? [];
      if (stored.length === 0 || this.#isOver) return;
      this.#ring.restore(stored);
      this.#isShelved = true; // Until the relay has it.
    } catch {
      // A browser that lets nothing be stored (private windows): what was said before the reload is not known here.
    }
  }

  #unshelve(): void {
    this.#isShelved = false;
    void this.#ports.shelf?.clear().catch(() => undefined);
  }
}
