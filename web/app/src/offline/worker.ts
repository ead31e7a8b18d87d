/**
 * The pages' service worker: a page that was loaded once comes up while its host is away, and says so itself.
 *
 * Is: the driver of `answers.ts`. Isn't: in the way of anything else: what is not a page or its file goes by.
 * Law: one cache a build, whole or not at all; nothing is kept under the address that it was asked for by.
 */

import { answerTo, cacheOf, isShellOf, pageFrom, SHELL, staleCaches } from "./answers.js";
import type { Build } from "./answers.js";

/** Set by the build. */
declare const VIVAVOCE_BUILD: Build;
const build = VIVAVOCE_BUILD;

interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** As much of a worker's scope as is used; the DOM's own types do not have it. */
interface Scope {
  oninstall: ((event: Lasting) => void) | null;
  onactivate: ((event: Lasting) => void) | null;
  onfetch: ((event: Fetching) => void) | null;
  skipWaiting(): Promise<void>;
}

const scope = globalThis as unknown as Scope;

scope.oninstall = (event) => event.waitUntil(install());
scope.onactivate = (event) => event.waitUntil(sweep());
scope.onfetch = (event) => {
  switch (answerTo(event.request, location.origin, build)) {
    case "page":
      event.respondWith(page(event));
      break;
    case "file":
      event.respondWith(file(event.request));
      break;
    case "network":
      break;
  }
};

async function install(): Promise<void> {
  const cache = await caches.open(cacheOf(build));
  await cache.addAll(build.files);
  if (!(await keep(await fetch(SHELL)))) throw new Error("the document is of another build");
  await scope.skipWaiting();
}

async function sweep(): Promise<void> {
  await Promise.all(staleCaches(await caches.keys(), build).map((name) => caches.delete(name)));
}

function page(event: Fetching): Promise<Response> {
  return pageFrom({
    network: async () => {
      const response = await fetch(event.request);
      // What the server says of its content policy may change without a build.
      event.waitUntil(keep(response.clone()).catch(() => false));
      return response;
    },
    kept: () => kept(SHELL),
    after: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
}

async function file(request: Request): Promise<Response> {
  return (await kept(new URL(request.url).pathname).catch(() => undefined)) ?? fetch(request);
}

async function kept(path: string): Promise<Response | undefined> {
  return (await caches.open(cacheOf(build))).match(path);
}

/** Made anew: a `Response` from the network remembers the address that it came from. */
async function keep(response: Response): Promise<boolean> {
  const html = response.ok ? await response.text() : "";
  if (!isShellOf(html, build)) return false;
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  await (await caches.open(cacheOf(build))).put(SHELL, new Response(html, { headers }));
  return true;
}
