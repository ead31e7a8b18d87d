/**
 * What a tab remembers, so that a reload finds its place: the way in, never what was said.
 */

import type { SessionInfo } from "@vivavoce/sdk";

/** One candidate's visit. */
export interface Visit {
  readonly accessToken: string;
  readonly session: SessionInfo;
  /** Until when the invitation's link opens it; RFC 3339. */
  readonly expiresAt: string | null;
}

export type Place = "invitation" | "check" | "talk";

export interface Remembered {
  readonly visit: Visit;
  readonly place: Place;
}

export interface TabStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const key = (sessionId: string) => `vivavoce.visit.${sessionId}`;

export function remember(storage: TabStorage | null, what: Remembered): void {
  try {
    storage?.setItem(key(what.visit.session.sessionId), JSON.stringify(what));
  } catch {
    // A private window may refuse: then a reload needs the invitation's link again.
  }
}

export function recall(storage: TabStorage | null, sessionId: string): Remembered | null {
  try {
    const text = storage?.getItem(key(sessionId)) ?? null;
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    return isRemembered(value) && value.visit.session.sessionId === sessionId ? value : null;
  } catch {
    return null;
  }
}

export function forget(storage: TabStorage | null, sessionId: string): void {
  try {
    storage?.removeItem(key(sessionId));
  } catch {
    // As above.
  }
}

/** We wrote it, but another version of us may have: the parts that are read must be there. */
function isRemembered(value: unknown): value is Remembered {
  const place = field(value, "place");
  const visit = field(value, "visit");
  const session = field(visit, "session");
  return (
    (place === "invitation" || place === "check" || place === "talk") &&
    typeof field(visit, "accessToken") === "string" &&
    typeof field(session, "sessionId") === "string" &&
    typeof field(field(session, "position"), "title") === "string" &&
    typeof field(field(session, "company"), "name") === "string"
  );
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
