/**
 * What the page says of the connection, of the time, of a refusal: state in, a sentence out.
 *
 * Is: pure; the words of the interface's own table. Isn't: where they stand or how they look.
 * Law: nobody is blamed for a network; every sentence that asks for something says what.
 */

import type { ApiError, InterviewState } from "@vivavoce/sdk";

/** A loss shorter than this is not worth a word, in ms. */
export const UNSPOKEN_MS = 2_000;
/** From then on another network is suggested, in ms. */
export const OTHER_NETWORK_MS = 10_000;
/** From then on the interviewer counts as out of reach, in ms. */
export const AI_LONG_MS = 45_000;
/** How long "You are back" stands, in ms. */
export const BACK_MS = 6_000;
/** Without captions for longer than this, the page says so, in ms. */
export const CAPTIONS_AWAY_MS = 5_000;
/** An answer that takes longer than this is worth a word, in ms. The relay asks for it again after 3.5 s, and calls another interviewer after 7. */
export const AI_SLOW_MS = 5_000;

export interface ConnectionWords {
  /** `calm`: nothing to do. `away`: something is missing. */
  readonly tone: "calm" | "away";
  readonly text: string;
  readonly action?: "microphone" | "retry";
}

/** When things happened that the state itself does not date, in the clock of `now`; null: they have not. */
export interface Since {
  readonly aiLost: number | null;
  /** The relay has said, since it was last here, that it cannot be reached. */
  readonly aiRefused: boolean;
  /** The leg came back after a loss that was worth a word. */
  readonly back: number | null;
  /** All that was said during that loss, or during the one that is on, is kept. */
  readonly whole: boolean;
  readonly linkLost: number | null;
  /** Since when an answer of the interviewer's is due. */
  readonly aiDue: number | null;
  /** The microphone was given back after a loss that was worth a word. */
  readonly heardAgain: number | null;
}

export interface Surroundings {
  /** "phone" or "computer". */
  readonly device: string;
  /** Until when the same link opens the interview; null: not known. */
  readonly linkUntil: string | null;
}

export function connectionWords(state: InterviewState, since: Since, now: number, around: Surroundings): ConnectionWords {
  if (state.microphone.is === "lost" || state.microphone.is === "silenced") {
    const tap = around.device === "phone" ? "Tap" : "Press here";
    return { tone: "away", text: `Your ${around.device} has taken the microphone. ${tap} to go on.`, action: "microphone" };
  }
  if (state.leg.is === "lost" && now - state.leg.since >= UNSPOKEN_MS) {
    const text = awayWords(state, since);
    return now - state.leg.since >= OTHER_NETWORK_MS
      ? { tone: "away", text: `${text} If there is another network, try it.`, action: "retry" }
      : { tone: "away", text };
  }
  const unreached = state.leg.is === "connecting" ? unreachedMs(state, since, now) : 0;
  if (unreached >= UNSPOKEN_MS) {
    const text = awayWords(state, since);
    return { tone: "away", text: unreached >= OTHER_NETWORK_MS ? `${text} If there is another network, try it.` : text, action: "retry" };
  }
  const ai = state.server?.ai;
  if (since.aiLost !== null && (ai === "lost" || ai === "gone" || ai === "connecting")) {
    if (since.aiRefused || now - since.aiLost >= AI_LONG_MS) {
      const until = around.linkUntil === null ? "later" : `until ${around.linkUntil}`;
      return { tone: "away", text: `The interviewer can't be reached yet. You can wait here, or come back by the same link ${until}.` };
    }
    if (now - since.aiLost >= UNSPOKEN_MS) return { tone: "away", text: "The interviewer is reconnecting. What you say is kept." };
  }
  if (since.back !== null && now - since.back < BACK_MS) {
    return { tone: "calm", text: since.whole ? "You are back. Nothing was lost." : "You are back. If you were speaking, please say it again." };
  }
  if (since.linkLost !== null && now - since.linkLost >= CAPTIONS_AWAY_MS && state.link.is !== "up") {
    return { tone: "away", text: "The captions are away for a moment. The interview goes on.", action: "retry" };
  }
  if (since.heardAgain !== null && now - since.heardAgain < BACK_MS) {
    return { tone: "calm", text: "You can be heard again. If you were speaking, please say it again." };
  }
  if (since.aiDue !== null && now - since.aiDue >= AI_SLOW_MS) {
    return { tone: "calm", text: "The interviewer takes longer than usual. What you said is kept: no need to say it again." };
  }
  if (isStoreAway(state)) return { tone: "calm", text: "Connected. Your answers are kept here until they can be filed." };
  switch (state.phase.is) {
    case "ending":
      // Of one that failed nobody takes leave: its page comes at once.
      return { tone: "calm", text: state.server?.session === "failed" ? "" : "The interviewer is saying goodbye." };
    case "live":
      return { tone: "calm", text: state.leg.is === "connecting" ? "Connecting you with the interviewer" : "Connected" };
    case "idle":
    case "joining":
      return { tone: "calm", text: "Connecting you with the interviewer" };
    case "ended":
    case "elsewhere":
    case "refused":
    case "left":
      return { tone: "calm", text: "" };
    default:
      return never(state.phase);
  }
}

/**
 * For how long a page that was loaded anew has found nobody there, in ms: nothing is heard of it yet. A first try that is only slow is
 * given more time than one that was refused.
 */
function unreachedMs({ link }: InterviewState, { linkLost }: Since, now: number): number {
  if (linkLost === null || link.is === "up") return 0;
  const ms = now - linkLost;
  const isFirst = (link.is === "opening" || link.is === "greeting") && link.lostAt === null;
  return isFirst && ms < CAPTIONS_AWAY_MS ? 0 : ms;
}

/** What a browser can do differs: it is not promised what is not done. */
function awayWords(state: InterviewState, since: Since): string {
  if (!state.keeping.on) return "Your connection is away. What you say now is not heard; your earlier answers are kept.";
  return since.whole ? "Your connection is away. Go on if you like: what you say is kept." : "Your connection is away. Of what you say, the last two minutes are kept.";
}

/** The relay tells both by a notice; the later one counts. */
function isStoreAway(state: InterviewState): boolean {
  const at = (code: string) => state.notices.findIndex((notice) => notice.code === code);
  return at("store_away") > at("store_back");
}

/** "about 12 minutes left". Null where the end is not known or too far off to matter. */
export function timeLeftWords(endsAt: string | undefined, nowEpochMs: number): string | null {
  if (endsAt === undefined) return null;
  const left = Date.parse(endsAt) - nowEpochMs;
  if (Number.isNaN(left)) return null;
  if (left <= 0) return "time is up";
  if (left < 50_000) return "less than a minute left";
  const minutes = Math.round(left / 60_000);
  if (minutes <= 1) return "about a minute left";
  if (minutes < 90) return `about ${minutes} minutes left`;
  return `about ${Math.round(minutes / 60)} hours left`;
}

/** What stands where a page cannot be shown. */
export interface ProblemWords {
  readonly title: string;
  readonly text: string;
  readonly next: string;
  /** For support; short. */
  readonly code: string;
  readonly again: boolean;
}

export function problemWords(error: Pick<ApiError, "status">): ProblemWords {
  switch (error.status) {
    case 410:
      return {
        title: "This invitation is over",
        text: "Its time has passed, it was withdrawn, or the interview has already been held. Whatever you have said is kept.",
        next: "Ask the company that invited you for a new link: answering their email is enough.",
        code: "invitation-over",
        again: false,
      };
    case 400:
    case 404:
    case 422:
      return {
        title: "We don't know this link",
        text: "It may have been cut off on its way, as happens when an address is copied in part.",
        next: "Open the link in your invitation email once more, by pressing it there.",
        code: "link-unknown",
        again: false,
      };
    case 401:
    case 403:
      return {
        title: "This page needs your invitation again",
        text: "Your way in has timed out. Whatever you have said is kept.",
        next: "Open the link in your invitation email: it brings you back to where you were.",
        code: "access-over",
        again: false,
      };
    case 429:
      return {
        title: "A moment, please",
        text: "This link has been opened many times in a short while.",
        next: "Wait a minute, then try again.",
        code: "too-often",
        again: true,
      };
    case 0:
      return {
        title: "There is no connection",
        text: "We could not reach the interview from here. Nothing is lost.",
        next: "See whether you are online, or try another network, then try again.",
        code: "no-answer",
        again: true,
      };
    default:
      return {
        title: "Something is wrong on our side",
        text: "That was not you, and nothing is lost.",
        next: "Try again in a minute. If it stays so, answer the email that invited you and name the code below.",
        code: `server-${error.status}`,
        again: true,
      };
  }
}

/** For a day and an hour that a person knows, in their own zone and habit. */
export function dayAndTime(rfc3339: string | null, locale?: string, timeZone?: string): string | null {
  if (rfc3339 === null) return null;
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return null;
  return new Intl.DateTimeFormat(locale, {
    weekday: "long",
    day: "numeric",
    month: "long",
    hour: "numeric",
    minute: "2-digit",
    ...(timeZone !== undefined ? { timeZone } : {}),
  }).format(date);
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
