/** What the recruiter's pages say of a state and of what went wrong. Pure. */

import { ApiError } from "@vivavoce/sdk";
import type { InterviewRow, Standing } from "./desk-api.js";

/** A standing as people read it. */
export const STANDING: Readonly<Record<Standing, string>> = {
  open: "Open",
  expired: "Expired",
  revoked: "Taken back",
  over: "Interview held",
};

/** How an interview stands, and how it came to that. */
export function interviewWords(row: Pick<InterviewRow, "status" | "endReason">): string {
  switch (row.status) {
    case "created":
      return "Not begun";
    case "in_progress":
      return "Going on";
    case "failed":
      return "Broke off: a technical failure";
    case "completed":
      return `Held, ${ENDED[row.endReason ?? ""] ?? "and ended"}`;
    default:
      return row.status;
  }
}

const ENDED: Readonly<Record<string, string>> = {
  interviewer: "ended by the interviewer",
  candidate: "ended by the candidate",
  recruiter: "ended by a recruiter",
  time: "ended by its time",
};

/** What happened, whether anything was lost, the next step. */
export function failureWords(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something went wrong on this page. Load it again. (code page)";
  const code = `(code ${error.status})`;
  switch (error.status) {
    case 0:
      return `There is no connection. Nothing was changed; try again when it is back. ${code}`;
    case 401:
      return `You are signed out. Sign in again; nothing was changed. ${code}`;
    case 403:
      return `This is not yours to do. ${code}`;
    case 404:
      return `There is no such thing any more. ${code}`;
    case 409:
      return `It has changed meanwhile: ${error.detail}. Load the page again. ${code}`;
    case 422:
      return error.invalid.length > 0 ? "Please look at what is marked." : `Some of it is not valid: ${error.detail}. ${code}`;
    case 429:
      return `That was too often. Nothing was changed; wait a moment. ${code}`;
    default:
      return `It did not work, and nothing was changed. Try again in a moment. ${code}`;
  }
}

/** "28 November 2026, 10:05"; nothing where there is no time. */
export function at(time: string | null, languages?: readonly string[]): string {
  const date = new Date(time ?? "");
  if (Number.isNaN(date.getTime())) return "";
  return new Intl.DateTimeFormat(languages as string[] | undefined, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** From the first time to the second, as minutes and seconds; nothing where one is lacking. */
export function length(from: string | null, to: string | null): string {
  const ms = Date.parse(to ?? "") - Date.parse(from ?? "");
  if (Number.isNaN(ms) || ms < 0) return "";
  return clock(ms);
}

/** `ms` as `12:05`. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
