/**
 * Which requests a page that was loaded once has answered while its host is away, and how.
 *
 * Is: the worker's decisions, pure. Isn't: the worker (`worker.ts`).
 * Law: nothing but the built pages is ever stored, under names that hold no secret: not the API, not the socket, and not an
 * invitation's address.
 */

export type Answer =
  /** The document, under whatever address: from the host, and from the cache where the host does not answer. */
  | "page"
  /** A file with a hash in its name, or as good as that: from the cache. */
  | "file"
  /** None of ours: as if no worker were there. */
  | "network";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly mode: string;
}

/** Whose names begin so is ours to throw away. */
export const CACHE_PREFIX = "vivavoce-pages-";
/** The candidate's; whose record a recruiter reads is not shown from a cache. */
const PAGE = /^\/interview\/[^/]+\/?$/;
const NAMED = /(?:src|href)="(\/[^"]*)"/g;

export function answerFor({ method, url, mode }: Asked, origin: string, files: ReadonlySet<string>): Answer {
  const { origin: from, pathname, search } = new URL(url);
  if (method !== "GET" || from !== origin) return "network";
  if (mode === "navigate") return PAGE.test(pathname) ? "page" : "network";
  return search === "" && files.has(pathname) ? "file" : "network";
}

/** Whether a host that answers so is as good as away: what stands before it says that it cannot reach it. */
export function isAway(status: number): boolean {
  return status >= 500;
}

/** Whether a document can stand in for its host: every file that it names is here. One of another version's names others. */
export function isWhole(html: string, files: ReadonlySet<string>): boolean {
  const named = [...html.matchAll(NAMED)].map(([, path = ""]) => path);
  return named.length > 0 && named.every((path) => files.has(path));
}

/** What nobody needs any more: all but this version's, and the newest before it, whose pages may still be open. */
export function outworn(names: readonly string[], own: string): readonly string[] {
  return names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== own).slice(0, -1);
}
