/** The names of candidates and positions that a list refers to: asked for once each, shown as they come. */

import { useSyncExternalStore } from "react";
import type { DeskApi } from "./desk-api.js";

export interface Names {
  /** The name, or an ellipsis until it is there. */
  candidate(id: string): string;
  position(id: string): string;
}

class Book {
  readonly #names = new Map<string, string>();
  readonly #asked = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #api: DeskApi;
  #shown: Names;

  constructor(api: DeskApi) {
    this.#api = api;
    this.#shown = this.#snapshot();
  }

  readonly current = (): Names => this.#shown;

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  };

  #snapshot(): Names {
    return {
      candidate: (id) => this.#look(id, () => this.#api.candidate(id).then(({ name }) => name)),
      position: (id) => this.#look(id, () => this.#api.position(id).then(({ title }) => title)),
    };
  }

  #look(id: string, ask: () => Promise<string>): string {
    if (!this.#asked.has(id)) {
      this.#asked.add(id);
      ask().then(
        (name) => this.#learn(id, name),
        () => this.#learn(id, "(not there)"),
      );
    }
    return this.#names.get(id) ?? "…";
  }

  #learn(id: string, name: string): void {
    this.#names.set(id, name);
    this.#shown = this.#snapshot();
    for (const changed of this.#listeners) changed();
  }
}

const books = new WeakMap<DeskApi, Book>();

export function useNames(api: DeskApi): Names {
  const book = books.get(api) ?? new Book(api);
  books.set(api, book);
  return useSyncExternalStore(book.subscribe, book.current);
}
