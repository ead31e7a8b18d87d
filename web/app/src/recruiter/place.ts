/** Where one is among the recruiter's pages: addresses, and how one gets from one to the next without loading anew. */

import { useSyncExternalStore } from "react";

export type Place =
  | { readonly at: "interviews" }
  | { readonly at: "interview"; readonly id: string }
  | { readonly at: "positions" }
  | { readonly at: "position"; readonly id: string | null }
  | { readonly at: "candidates" }
  | { readonly at: "candidate"; readonly id: string | null }
  | { readonly at: "invitations" }
  | { readonly at: "invite" }
  | { readonly at: "nowhere" };

const BASE = "/recruiter";
const MOVED = "vivavoce:moved";

export function placeOf(path: string): Place {
  const parts = path.split("/").filter((part) => part !== "");
  const [first, second, third] = parts;
  if (first !== "recruiter" || parts.length > 3) return { at: "nowhere" };
  const id = third === undefined ? undefined : decoded(third);
  if (id === null) return { at: "nowhere" };
  switch (second) {
    case undefined:
      return { at: "interviews" };
    case "interviews":
      return id === undefined ? { at: "interviews" } : { at: "interview", id };
    case "positions":
      return id === undefined ? { at: "positions" } : { at: "position", id: id === "new" ? null : id };
    case "candidates":
      return id === undefined ? { at: "candidates" } : { at: "candidate", id: id === "new" ? null : id };
    case "invitations":
      if (id === undefined) return { at: "invitations" };
      return id === "new" ? { at: "invite" } : { at: "nowhere" };
    default:
      return { at: "nowhere" };
  }
}

/** The address of a page of these. */
export const path = (...parts: readonly string[]): string => [BASE, ...parts.map((part) => encodeURIComponent(part))].join("/");

export function go(to: string): void {
  history.pushState(null, "", to);
  dispatchEvent(new Event(MOVED));
}

export function usePath(): string {
  return useSyncExternalStore(
    (changed) => {
      addEventListener("popstate", changed);
      addEventListener(MOVED, changed);
      return () => {
        removeEventListener("popstate", changed);
        removeEventListener(MOVED, changed);
      };
    },
    () => location.pathname,
  );
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
