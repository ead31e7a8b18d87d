/**
 * Keeps what a page shows the same as the record: reads the transcript after each welcome, and now and then.
 *
 * Is: when it is read, and with what was shown by then. Isn't: how both are made one (`state.ts`, "history").
 * The rule for conflicts: the record (the relay's own tap) wins over what a page shows, but for what the socket has brought since
 * the record was asked for, which is of the same tap, and younger. What a page reports is never put over either.
 */

import type { Caption, Captions } from "./captions.js";
import type { Ports } from "./ports.js";

/** Between two readings while the interview goes on, in ms; spread by a half, so that pages do not ask together. */
export const SYNC_MS = 60_000;

export interface SyncPorts extends Pick<Ports, "timer" | "random"> {
  readonly read: () => Promise<readonly Caption[]>;
  /** What is shown now. */
  readonly shown: () => Captions;
  /** Something has been said, and the interview is not over. */
  readonly isOn: () => boolean;
  readonly found: (captions: readonly Caption[], before: Captions) => void;
}

export class Sync {
  readonly #ports: SyncPorts;
  #cancel: (() => void) | null = null;
  #isReading = false;

  constructor(ports: SyncPorts) {
    this.#ports = ports;
  }

  /** A relay has greeted the page. */
  welcomed(): void {
    void this.#read();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  async #read(): Promise<void> {
    this.stop();
    this.#cancel = this.#ports.timer(SYNC_MS * (0.75 + this.#ports.random() / 2), () => void this.#read());
    if (!this.#ports.isOn() || this.#isReading) return;
    this.#isReading = true;
    const before = this.#ports.shown();
    try {
      this.#ports.found(await this.#ports.read(), before);
    } catch {
      // What is shown goes on as it is; the record lacks nothing, and is asked again.
    }
    this.#isReading = false;
  }
}
