/**
 * The pages' service worker: a page that was loaded once can be loaded again while its host is away.
 *
 * Is: the driver of `answer.ts`; Vite puts the version and the files' names in (`vite.config.ts`). Isn't: anything of an interview: what
 * was said is kept by the SDK, the way in by the tab.
 * Law: the document is stored under one neutral name and without its address, which may hold an invitation's token; what is stored
 * is whole, or is not.
 */

import { answerFor, CACHE_PREFIX, isAway, isWhole, outworn } from "./answer.js";

declare const self: ServiceWorkerGlobalScope;
/** Of this build. */
declare const __PAGES__: { readonly version: string; readonly files: readonly string[] };

/** A host that has not answered by then is taken to be away, in ms. */
const PAGE_MS_MAX = 3_000;
/** The document's one name. */
const DOCUMENT = "/";
const { version, files } = __PAGES__;
const OWN = CACHE_PREFIX + version;
const FILES: ReadonlySet<string> = new Set(files);

self.addEventListener("install", (event) => {
  event.waitUntil(fill());
  // It answers the next load; what a page that is open needs of the version before stays (`outworn`).
  void self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  switch (answerFor({ method, url, mode }, self.location.origin, FILES)) {
    case "page":
      event.respondWith(page(event));
      return;
    case "file":
      event.respondWith(file(event.request));
      return;
    case "network":
  }
});

async function fill(): Promise<void> {
  const cache = await caches.open(OWN);
  await cache.addAll(files);
  const answer = await fetch(DOCUMENT, { cache: "no-store", credentials: "omit" });
  // Two versions side by side, while one replaces the other: the next load tries again.
  if (!(await keep(answer))) throw new Error("the document is of another version");
}

async function tidy(): Promise<void> {
  await Promise.all(outworn(await caches.keys(), OWN).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function page(event: FetchEvent): Promise<Response> {
  const asked = fetch(event.request);
  const answer = await Promise.race([asked.catch(() => null), after(PAGE_MS_MAX)]);
  if (answer !== null && !isAway(answer.status)) {
    if (answer.ok) event.waitUntil(keep(answer.clone()).catch(() => undefined));
    return answer;
  }
  const kept = await (await caches.open(OWN)).match(DOCUMENT);
  return kept ?? answer ?? asked;
}

async function file(request: Request): Promise<Response> {
  return (await caches.match(new URL(request.url).pathname)) ?? fetch(request);
}

/** Keeps the document with the headers of the day (its content policy names relays), if its files are here. */
async function keep(answer: Response): Promise<boolean> {
  const html = await answer.text();
  if (!answer.ok || !isWhole(html, FILES)) return false;
  const headers = new Headers(answer.headers);
  for (const name of ["content-encoding", "content-length"]) headers.delete(name); // Of the wire.
  await (await caches.open(OWN)).put(DOCUMENT, new Response(html, { headers }));
  return true;
}

function after(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null));
}
