import { STATE_START } from "@vivavoce/sdk";
import type { InterviewState } from "@vivavoce/sdk";
import { describe, expect, it } from "vitest";
import { AI_LONG_MS, AI_SLOW_MS, BACK_MS, CAPTIONS_AWAY_MS, connectionWords, dayAndTime, OTHER_NETWORK_MS, problemWords, timeLeftWords, UNSPOKEN_MS } from "./words.js";
import type { Since } from "./words.js";

const NOTHING: Since = { aiLost: null, aiRefused: false, back: null, whole: true, linkLost: null, aiDue: null, heardAgain: null };
const LIVE: InterviewState = {
  ...STATE_START,
  phase: { is: "live", since: 0 },
  link: { is: "up", since: 0 },
  leg: { is: "up", since: 0 },
  microphone: { is: "live" },
  server: { session: "live", candidate: "up", ai: "up" },
  keeping: { on: true, lostMs: 0 },
};
const PHONE = { device: "phone", linkUntil: "Thursday at 17:00" };
const lost = (since: number, keeps = true): InterviewState => ({ ...LIVE, leg: { is: "lost", since, cause: "silent" }, keeping: { on: keeps, lostMs: 0 } });
const aiLost: InterviewState = { ...LIVE, server: { session: "live", candidate: "up", ai: "lost" } };
const away = "Your connection is away. Go on if you like: what you say is kept.";
const unheard = "Your connection is away. What you say now is not heard; your earlier answers are kept.";
const reloaded = (lostAt: number | null): InterviewState => ({
  ...STATE_START,
  phase: { is: "joining", since: 0 },
  microphone: { is: "live" },
  leg: { is: "connecting", since: 0 },
  link: { is: "opening", attempt: lostAt === null ? 1 : 3, lostAt, deadline: 99_999 },
});
const notices = (...codes: string[]) => codes.map((code) => ({ code, text: "" }));

describe("the words for what goes wrong", () => {
  const table: readonly (readonly [string, InterviewState, Partial<Since>, number, string])[] = [
    ["all is well", LIVE, {}, 9, "Connected"],
    ["candidate leg lost, under 2 s", lost(0), {}, UNSPOKEN_MS - 1, "Connected"],
    ["candidate leg lost", lost(0), {}, UNSPOKEN_MS, away],
    ["candidate leg lost for 10 s", lost(0), {}, OTHER_NETWORK_MS, `${away} If there is another network, try it.`],
    ["candidate leg lost, and nothing is kept", lost(0, false), { whole: false }, UNSPOKEN_MS, "Your connection is away. What you say now is not heard; your earlier answers are kept."],
    ["candidate leg lost for too long", lost(0), { whole: false }, UNSPOKEN_MS, "Your connection is away. Of what you say, the last two minutes are kept."],
    ["back", LIVE, { back: 100 }, 100, "You are back. Nothing was lost."],
    ["back, and something was lost", LIVE, { back: 100, whole: false }, 100, "You are back. If you were speaking, please say it again."],
    ["store away", { ...LIVE, notices: notices("store_away") }, {}, 0, "Connected. Your answers are kept here until they can be filed."],
    ["store back", { ...LIVE, notices: notices("store_away", "store_back") }, {}, 0, "Connected"],
    ["back, a while ago", LIVE, { back: 100 }, 100 + BACK_MS, "Connected"],
    ["AI leg lost, under 2 s", aiLost, { aiLost: 0 }, UNSPOKEN_MS - 1, "Connected"],
    ["AI leg lost", aiLost, { aiLost: 0 }, UNSPOKEN_MS, "The interviewer is reconnecting. What you say is kept."],
    ["AI refused for long", aiLost, { aiLost: 0 }, AI_LONG_MS, "The interviewer can't be reached yet. You can wait here, or come back by the same link until Thursday at 17:00."],
    ["AI refused, as the relay says at once", aiLost, { aiLost: 0, aiRefused: true }, 0, "The interviewer can't be reached yet. You can wait here, or come back by the same link until Thursday at 17:00."],
    ["AI refused, and being dialled once more", { ...aiLost, server: { session: "live", candidate: "up", ai: "connecting" } }, { aiLost: 0, aiRefused: true }, 0, "The interviewer can't be reached yet. You can wait here, or come back by the same link until Thursday at 17:00."],
    ["AI back after that", { ...LIVE, notices: [{ code: "ai_unreachable", text: "" }] }, {}, 0, "Connected"],
    ["microphone taken", { ...LIVE, microphone: { is: "silenced", since: 0 } }, {}, 0, "Your phone has taken the microphone. Tap to go on."],
    ["microphone taken for good", { ...LIVE, microphone: { is: "lost", since: 0 } }, {}, 0, "Your phone has taken the microphone. Tap to go on."],
    ["microphone taken while the leg is lost", { ...lost(0), microphone: { is: "lost", since: 0 } }, {}, 9_999, "Your phone has taken the microphone. Tap to go on."],
    ["both legs lost", { ...lost(0), server: aiLost.server }, { aiLost: 0 }, 5_000, away],
    ["back, and the socket is not yet", { ...LIVE, link: { is: "waiting", attempt: 1, lostAt: 0, retryAt: 1 } }, { back: 100, linkLost: 0 }, CAPTIONS_AWAY_MS, "You are back. Nothing was lost."],
    ["socket lost", { ...LIVE, link: { is: "waiting", attempt: 1, lostAt: 0, retryAt: 1 } }, { linkLost: 0 }, CAPTIONS_AWAY_MS, "The captions are away for a moment. The interview goes on."],
    ["socket lost for a moment", { ...LIVE, link: { is: "waiting", attempt: 1, lostAt: 0, retryAt: 1 } }, { linkLost: 0 }, CAPTIONS_AWAY_MS - 1, "Connected"],
    ["a page that was loaded anew", { ...LIVE, leg: { is: "connecting", since: 0 } }, {}, 0, "Connecting you with the interviewer"],
    ["a page that was loaded anew, and nobody is there", reloaded(1), { linkLost: 0 }, UNSPOKEN_MS, unheard],
    ["a page that was loaded anew, and nobody is there yet", reloaded(1), { linkLost: 0 }, UNSPOKEN_MS - 1, "Connecting you with the interviewer"],
    ["a page that was loaded anew, and nobody is there for 10 s", reloaded(1), { linkLost: 0 }, OTHER_NETWORK_MS, `${unheard} If there is another network, try it.`],
    ["a page that was loaded anew, and is let in slowly", reloaded(null), { linkLost: 0 }, CAPTIONS_AWAY_MS - 1, "Connecting you with the interviewer"],
    ["a page that was loaded anew, and nobody answers", reloaded(null), { linkLost: 0 }, CAPTIONS_AWAY_MS, unheard],
    ["an answer that is due", LIVE, { aiDue: 0 }, AI_SLOW_MS - 1, "Connected"],
    ["an answer that is late", LIVE, { aiDue: 0 }, AI_SLOW_MS, "The interviewer takes longer than usual. What you said is kept: no need to say it again."],
    ["an answer that is late while the store is away", { ...LIVE, notices: notices("store_away") }, { aiDue: 0 }, AI_SLOW_MS, "The interviewer takes longer than usual. What you said is kept: no need to say it again."],
    ["microphone given back", LIVE, { heardAgain: 100 }, 100, "You can be heard again. If you were speaking, please say it again."],
    ["microphone given back, a while ago", LIVE, { heardAgain: 100 }, 100 + BACK_MS, "Connected"],
    ["goodbye", { ...LIVE, phase: { is: "ending" } }, {}, 0, "The interviewer is saying goodbye."],
    ["failed, and why is not said yet", { ...LIVE, phase: { is: "ending" }, server: { session: "failed", candidate: "up", ai: "gone" } }, {}, 0, ""],
    ["joining", { ...LIVE, phase: { is: "joining", since: 0 } }, {}, 0, "Connecting you with the interviewer"],
  ];
  it.each(table)("%s", (_state, state, since, now, text) => {
    expect(connectionWords(state, { ...NOTHING, ...since }, now, PHONE).text).toBe(text);
  });

  it("speak of a computer to one who sits at it", () => {
    const state: InterviewState = { ...LIVE, microphone: { is: "lost", since: 0 } };
    expect(connectionWords(state, NOTHING, 0, { device: "computer", linkUntil: null })).toEqual({
      tone: "away", text: "Your computer has taken the microphone. Press here to go on.", action: "microphone",
    }); // prettier-ignore
  });

  it("use none of the words of our trade", () => {
    const said = table.map(([, state, since, now]) => connectionWords(state, { ...NOTHING, ...since }, now, PHONE).text);
    const problems = [0, 401, 404, 410, 429, 500].map((status) => Object.values(problemWords({ status })).join(" "));
    expect([...said, ...problems].join(" ")).not.toMatch(/\b(ICE|session|peer|websocket|WebRTC|token)\b/i);
  });
});

describe("time left", () => {
  const at = (ms: number) => timeLeftWords(new Date(1_000_000 + ms).toISOString(), 1_000_000);
  it.each([
    [12 * 60_000, "about 12 minutes left"],
    [12 * 60_000 - 29_000, "about 12 minutes left"],
    [90_000 - 1, "about a minute left"],
    [49_000, "less than a minute left"],
    [0, "time is up"],
    [-5, "time is up"],
    [120 * 60_000, "about 2 hours left"],
  ])("of %i ms", (ms, words) => expect(at(ms)).toBe(words));

  it("is not said where it is not known", () => {
    expect(timeLeftWords(undefined, 0)).toBeNull();
    expect(timeLeftWords("soon", 0)).toBeNull();
  });
});

describe("problems", () => {
  it.each([
    [410, "invitation-over", false],
    [404, "link-unknown", false],
    [401, "access-over", false],
    [429, "too-often", true],
    [0, "no-answer", true],
    [503, "server-503", true],
  ])("%i", (status, code, again) => expect(problemWords({ status })).toMatchObject({ code, again }));
});

it("a day and an hour are told as people say them", () => {
  expect(dayAndTime("2026-11-26T17:00:00.000Z", "en-GB", "UTC")).toBe("Thursday 26 November at 17:00");
  expect(dayAndTime("nonsense")).toBeNull();
  expect(dayAndTime(null)).toBeNull();
});
