/**
 * The microphone in use: is it still ours, or has a call or the system taken it?
 *
 * Is: a listener to one track. Isn't: asking for one (`microphone.ts`).
 */

import type { MicrophoneState } from "./state.js";

export class MicrophoneWatch {
  readonly #tell: (state: MicrophoneState) => void;
  readonly #now: () => number;
  #track: MediaStreamTrack | null = null;

  constructor(tell: (state: MicrophoneState) => void, now: () => number) {
    this.#tell = tell;
    this.#now = now;
  }

  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** From now on this one; the one before is stopped. */
  watch(track: MediaStreamTrack | null): void {
    if (track === this.#track && track !== null) return;
    this.release();
    this.#track = track;
    if (track === null) {
      this.#tell({ is: "none" });
      return;
    }
    const mine = (tell: () => MicrophoneState) => () => {
      if (this.#track === track) this.#tell(tell());
    };
    // `mute` is the system's doing; our own mute only disables the track.
    track.onmute = mine(() => ({ is: "silenced", since: this.#now() }));
    track.onunmute = mine(() => ({ is: "live" }));
    track.onended = mine(() => ({ is: "lost", since: this.#now() }));
    this.#tell(track.readyState === "ended" ? { is: "lost", since: this.#now() } : track.muted ? { is: "silenced", since: this.#now() } : { is: "live" });
  }

  mute(on: boolean): void {
    if (this.#track !== null) this.#track.enabled = !on;
  }

  /** Gives the microphone back to the system. */
  release(): void {
    const track = this.#track;
    this.#track = null;
    if (track === null) return;
    track.onmute = track.onunmute = track.onended = null;
    track.stop();
  }
}
