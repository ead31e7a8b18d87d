/**
 * Where kept speech outlives the page: IndexedDB, one record for each interview.
 *
 * Is: put, take, clear. Isn't: a decision on when.
 * Law: what is older than an outage may be (the relay would not have it any more) is not given back, and is deleted by whichever
 * page comes next.
 */

import type { StoredStream } from "./speech-ring.js";

export interface ShelfPort {
  put(streams: readonly StoredStream[]): Promise<void>;
  /** What is there, if it is young enough; null: nothing. */
  take(): Promise<readonly StoredStream[] | null>;
  clear(): Promise<void>;
}

const DATABASE = "vivavoce";
const STORE = "speech";
/** In ms: the relay waits for a candidate no longer than this. */
export const SHELF_LIFE_MS = 150_000;

interface Kept {
  readonly at: number;
  readonly streams: readonly StoredStream[];
}

/** `epoch`: wall time in ms, which alone is the same for a page and the one after it. */
export function browserShelf(sessionId: string, epoch: () => number): ShelfPort | null {
  if (typeof indexedDB === "undefined") return null;
  // Open all the while: a page that goes has no time to open it, but what it has asked for by then is done.
  let db: IDBDatabase | null = null;
  const opened = open().then((got) => {
    db = got;
    return got;
  });
  opened.catch(() => undefined); // Told to whoever asks.
  const within = <T>(ask: (store: IDBObjectStore) => IDBRequest<T>, commits = true): Promise<T> => {
    const asked = (from: IDBDatabase) => {
      const transaction = from.transaction(STORE, "readwrite");
      const answer = answered(ask(transaction.objectStore(STORE)));
      // Said, not waited for: what a page that goes has not committed is thrown away with it.
      if (commits) transaction.commit();
      return answer;
    };
    return db === null ? opened.then(asked) : asked(db);
  };
  return {
    put: async (streams) => {
      const kept: Kept = { at: epoch(), streams };
      await within((store) => store.put(kept, sessionId));
    },
    take: async () => {
      const kept: unknown = await within((store) => {
        sweep(store, epoch() - SHELF_LIFE_MS);
        return store.get(sessionId) as IDBRequest<unknown>;
      }, false); // Its cursor goes on asking.
      return isKept(kept) && epoch() - kept.at < SHELF_LIFE_MS ? kept.streams : null;
    },
    clear: async () => {
      await within((store) => store.delete(sessionId));
    },
  };
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE);
  };
  return answered(request);
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB refused"));
  });
}

/** Speech of interviews that nobody came back to. */
function sweep(store: IDBObjectStore, before: number): void {
  const cursors = store.openCursor();
  cursors.onsuccess = () => {
    const cursor = cursors.result;
    if (cursor === null) return;
    const kept: unknown = cursor.value;
    if (!isKept(kept) || kept.at < before) cursor.delete();
    cursor.continue();
  };
}

/** We wrote it, but another version of us may have. */
function isKept(value: unknown): value is Kept {
  return typeof value === "object" && value !== null && "at" in value && typeof value.at === "number" && "streams" in value && Array.isArray(value.streams);
}
