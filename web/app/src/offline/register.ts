/** Lets the browser keep the candidate's pages. Where it will not (a private window, an old browser), nothing else is missing. */

export function keepPages(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // The candidate's pages alone: the others are of no use without their host.
  navigator.serviceWorker.register("/pages-worker.js", { scope: "/interview/", updateViaCache: "none" }).catch(() => undefined);
}
