/**
 * A page that was loaded once can be loaded again while its host is away: by the worker in `worker/`.
 *
 * Law: a browser without it, or one that forbids it (private windows), has the interview all the same.
 */

/** Renewed by the browser at each load; the new one answers from the load after that. */
export function keepPages(workers: Pick<ServiceWorkerContainer, "register"> | undefined): void {
  workers?.register("/sw.js", { updateViaCache: "none" }).catch(() => undefined);
}
