/**
 * Which request of a page is answered how, while its host is there and while it is not.
 *
 * Is: pure; a table of requests and the one race that is run for a page. Isn't: a cache (`worker.ts`).
 * Law: nothing but the pages' own files is ever kept, and no address that a page was opened by: it may hold an invitation.
 */

/** A page that its host has not sent by then comes from what was kept, in ms. */
export const PAGE_MS_MAX = 3_000;
/** Where the one document is kept that every page is: the address of none of them. */
export const SHELL = "/";
const PREFIX = "vivavoce-pages-";

/** What one build of the pages is made of; `vite` writes it into the worker (`build/kept-files.ts`). */
export interface Build {
  readonly id: string;
  readonly files: readonly string[];
}

export interface Asked {
  readonly method: string;
  readonly mode: string;
  readonly url: string;
}

/** `page`: from the network, or else from what is kept. `file`: from what is kept. `network`: as if no worker were here. */
export type Answer = "page" | "file" | "network";

export function answerTo({ method, mode, url }: Asked, origin: string, build: Build): Answer {
  if (method !== "GET") return "network";
  const asked = new URL(url);
  if (asked.origin !== origin) return "network";
  if (mode === "navigate") return /^\/interview\/[^/]+\/?$/.test(asked.pathname) ? "page" : "network";
  return asked.search === "" && build.files.includes(asked.pathname) ? "file" : "network";
}

export function cacheOf(build: Build): string {
  return PREFIX + build.id;
}

/** Caches of other builds; what is not ours is left alone. */
export function staleCaches(names: readonly string[], build: Build): readonly string[] {
  return names.filter((name) => name.startsWith(PREFIX) && name !== cacheOf(build));
}

/** The document is of this build: all that it needs is kept. In the midst of a rollout another build's may come. */
export function isShellOf(html: string, build: Build): boolean {
  const named = html.match(/\/assets\/[\w.-]+/g) ?? [];
  return named.length > 0 && named.every((file) => build.files.includes(file));
}

/** As much of a `Response` as is looked at. */
interface Answered {
  readonly status: number;
}

export interface Ports<R extends Answered> {
  network(): Promise<R>;
  kept(): Promise<R | undefined>;
  after(ms: number): Promise<void>;
}

/** A proxy that says its server is away (5xx) is no better than none. Where nothing is kept, what the network says stands, however late. */
export async function pageFrom<R extends Answered>(ports: Ports<R>): Promise<R> {
  const asked = ports.network();
  const inTime = await Promise.race([asked.catch(() => null), ports.after(PAGE_MS_MAX).then(() => null)]);
  if (inTime !== null && inTime.status < 500) return inTime;
  return (await ports.kept().catch(() => undefined)) ?? inTime ?? asked;
}
