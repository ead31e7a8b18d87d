/**
 * What lets a reloaded tab have its interview back: the relay's opaque token and the last number seen.
 *
 * Law: nothing that was said is kept here, and a storage that refuses (private windows) costs the resume, never the
 * interview.
 */

import { isRecord, number, string } from "./wire.js";

/** `sessionStorage`, or anything like it. */
export interface StoragePort {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Kept {
  readonly resume: string | null;
  readonly lastSeq: number | null;
}

const NOTHING: Kept = { resume: null, lastSeq: null };

export class ResumeStore {
  readonly #storage: StoragePort | null;
  readonly #key: string;
  #kept: Kept;

  constructor(storage: StoragePort | null, sessionId: string) {
    this.#storage = storage;
    this.#key = `vivavoce.resume.${sessionId}`;
    this.#kept = this.#read();
  }

  get kept(): Kept {
    return this.#kept;
  }

  /** A new resume token; the one before stays good until this one is used. */
  renew(resume: string | null): void {
    if (resume !== null) this.#write({ ...this.#kept, resume });
  }

  /** Numbers only rise: a late frame does not turn the clock back. */
  saw(seq: number | null): void {
    if (seq !== null && seq > (this.#kept.lastSeq ?? -1)) this.#write({ ...this.#kept, lastSeq: seq });
  }

  forget(): void {
    this.#kept = NOTHING;
    try {
      this.#storage?.removeItem(this.#key);
    } catch {
      // Nothing was kept, then.
    }
  }

  #read(): Kept {
    try {
      const value: unknown = JSON.parse(this.#storage?.getItem(this.#key) ?? "null");
      return isRecord(value) ? { resume: string(value["resume"]), lastSeq: number(value["lastSeq"]) } : NOTHING;
    } catch {
      return NOTHING;
    }
  }

  #write(kept: Kept): void {
    this.#kept = kept;
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(kept));
    } catch {
      // Full or forbidden: it still holds for this load of the page.
    }
  }
}
