/**
 * The peer connection in use, and the one before it while the new one comes up.
 *
 * Is: who counts. Isn't: when to make another (`leg.ts`).
 * Law: make before break. A peer that has been up goes on encoding what the microphone hears, network or none, until the one that
 * takes its place does: so nothing of what is said between them is missing from what is kept.
 */

import type { MakePeer, PeerHandlers, PeerOptions, PeerPort } from "./peer.js";
import type { Ports } from "./ports.js";

/** A peer that is up and whose packets are not seen by then lets the one before go all the same, in ms. */
export const OVERLAP_MS_MAX = 1_000;

export class Peers {
  readonly #make: MakePeer;
  readonly #timer: Ports["timer"];
  readonly #overlaps: boolean;
  #current: PeerPort | null = null;
  #isUp = false;
  #before: PeerPort | null = null;
  #cancel: (() => void) | null = null;

  /** `overlaps`: what the microphone says is kept. */
  constructor(make: MakePeer, timer: Ports["timer"], overlaps: boolean) {
    this.#make = make;
    this.#timer = timer;
    this.#overlaps = overlaps;
  }

  get current(): PeerPort | null {
    return this.#current;
  }

  /** The current one has been connected. */
  get isUp(): boolean {
    return this.#isUp;
  }

  is(peer: PeerPort): boolean {
    return this.#current === peer;
  }

  fresh(options: PeerOptions, handlers: PeerHandlers): PeerPort {
    if (this.#isUp && this.#overlaps) {
      this.#letGo();
      this.#before = this.#current;
    } else {
      this.#current?.close();
    }
    this.#isUp = false;
    const peer: PeerPort = this.#make(options, {
      candidate: (candidate) => {
        if (this.is(peer)) handlers.candidate(candidate);
      },
      connection: (state) => {
        if (!this.is(peer)) return;
        if (state === "connected") this.#up();
        handlers.connection(state);
      },
      audio: (stream) => {
        if (this.is(peer)) handlers.audio(stream);
      },
      speech: (stream, timestamp, opus) => {
        // The first packet of the new one: from here on it is the microphone's ear.
        if (this.is(peer)) this.#letGo();
        if (this.is(peer) || this.#before === peer) handlers.speech(stream, timestamp, opus);
      },
    });
    this.#current = peer;
    return peer;
  }

  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    await Promise.all([this.#before?.replaceTrack(track), this.#current?.replaceTrack(track)]);
  }

  close(): void {
    this.#letGo();
    this.#current?.close();
    this.#current = null;
    this.#isUp = false;
  }

  #up(): void {
    this.#isUp = true;
    if (this.#before !== null) this.#cancel ??= this.#timer(OVERLAP_MS_MAX, () => this.#letGo());
  }

  #letGo(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#before?.close();
    this.#before = null;
  }
}
