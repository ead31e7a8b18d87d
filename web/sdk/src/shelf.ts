/**
 * Where kept speech outlives the page: IndexedDB, one record for each page of an interview, which all of its pages read.
 *
 * Is: put, take, clear, burn. Isn't: a decision on when.
 * Law: no page writes over what another has put, nor clears it without having taken it; what is older than an outage may be (the
 * relay would not have it any more) is not given back, and is deleted by whichever page comes next.
 */

import type { StoredStream } from "./speech-ring.js";

export interface ShelfPort {
  /** In place of what this page has put before. */
  put(streams: readonly StoredStream[]): Promise<void>;
  /** What any page of the interview has put, the oldest first, if it is young enough. */
  take(): Promise<readonly StoredStream[]>;
  /** Away with what this page has put, and with what it has taken. */
  clear(): Promise<void>;
  /** Away with everything of the interview. */
  burn(): Promise<void>;
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
  // Open all the while: a page that goes has no time to open it, but what it has asked for by then is done. A browser whose storage
  // did not open, or has closed by itself, is asked again with the next use.
  let db: IDBDatabase | null = null;
  let opening: Promise<IDBDatabase> | null = null;
  const opened = () => {
    opening ??= open().then(
      (got) => {
        db = got;
        got.onclose = () => (db = opening = null);
        return got;
      },
      (error: unknown) => {
        opening = null;
        throw error;
      },
    );
    return opening;
  };
  opened().catch(() => undefined); // Told to whoever asks.
  const within = async <T>(ask: (store: IDBObjectStore) => Promise<T>): Promise<T> => {
    const asked = (from: IDBDatabase) => {
      const transaction = from.transaction(STORE, "readwrite");
      const answer = ask(transaction.objectStore(STORE));
      // Said, not waited for: what a page that goes has not committed is thrown away with it.
      transaction.commit();
      return answer;
    };
    return db === null ? opened().then(asked) : asked(db);
  };
  const page = [sessionId, crypto.randomUUID()];
  // An array sorts behind every word (IndexedDB, 2.4): all pages of the interview, and no other's.
  const pages = IDBKeyRange.bound([sessionId], [sessionId, []]);
  let taken: readonly IDBValidKey[] = [];
  return {
    put: async (streams) => {
      const kept: Kept = { at: epoch(), streams };
      await within((store) => answered(store.put(kept, page)));
    },
    take: async () => {
      const [keys, all] = await within((store) => Promise.all([answered(store.getAllKeys()), answered<unknown[]>(store.getAll())]));
      const young = keys.map((key, nth) => ({ key, kept: all[nth] })).filter(isYoung(epoch() - SHELF_LIFE_MS));
      await within(async (store) => {
        const old = keys.filter((key) => !young.some((known) => known.key === key));
        await Promise.all(old.map((key) => answered(store.delete(key))));
      });
      const ours = young.filter(({ key }) => pages.includes(key)).sort((one, other) => one.kept.at - other.kept.at);
      taken = ours.map(({ key }) => key);
      return ours.flatMap(({ kept }) => kept.streams);
    },
    clear: async () => {
      await within((store) => Promise.all([page, ...taken].map((key) => answered(store.delete(key)))));
    },
    burn: async () => {
      await within((store) => answered(store.delete(pages)));
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

/** Not what nobody came back to. */
function isYoung(before: number) {
  return (found: { key: IDBValidKey; kept: unknown }): found is { key: IDBValidKey; kept: Kept } => isKept(found.kept) && found.kept.at >= before;
}

/** We wrote it, but another version of us may have. */
function isKept(value: unknown): value is Kept {
  return typeof value === "object" && value !== null && "at" in value && typeof value.at === "number" && "streams" in value && Array.isArray(value.streams);
}
