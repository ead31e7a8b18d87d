import { STATE_START } from "@vivavoce/sdk";
import type { Caption, InterviewState } from "@vivavoce/sdk";
import { describe, expect, it } from "vitest";
import { levelOf, rmsOf } from "./audio/level.js";
import { CHECK_START, checkStep, networkOf, rowOf } from "./check.js";
import type { CheckEvent } from "./check.js";
import { browserOf, deviceOf, remedyFor } from "./remedies.js";
import type { Browser } from "./remedies.js";
import { routeOf } from "./route.js";
import { asideFor, MEMORY_START, memoryStep, TAKE_YOUR_TIME_MS } from "./talk.js";
import type { Memory } from "./talk.js";
import { UNSPOKEN_MS } from "./words.js";

describe("addresses", () => {
  it.each([
    ["/", "", { to: "home" }],
    ["/interview/join", "?token=abc", { to: "join", token: "abc" }],
    ["/interview/join/", "?token=%20abc%20", { to: "join", token: "abc" }],
    ["/interview/join", "", { to: "join", token: "" }],
    ["/interview/018f", "", { to: "session", sessionId: "018f" }],
    ["/interview/%E0%A4%A", "", { to: "nowhere" }],
    ["/interview", "", { to: "nowhere" }],
    ["/interview/a/b", "", { to: "nowhere" }],
    ["/elsewhere", "", { to: "nowhere" }],
  ])("%s%s", (path, search, route) => expect(routeOf(path, search)).toEqual(route));
});

describe("the check", () => {
  const after = (...events: readonly CheckEvent[]) => events.reduce(checkStep, CHECK_START);
  const heard: CheckEvent = { on: "sound", sound: "heard" };

  it.each([
    ["sound", []],
    ["sound", [{ on: "sound", sound: "playing" }]],
    ["sound", [{ on: "sound", sound: "asked" }]],
    ["microphone", [heard]],
    ["microphone", [{ on: "sound", sound: "unheard" }]],
    ["microphone", [heard, { on: "asking" }]],
    ["microphone", [heard, { on: "refused", reason: "denied" }]],
    ["microphone", [heard, { on: "opened" }]],
    ["ready", [heard, { on: "opened" }, { on: "heardSomething" }]],
    ["ready", [heard, { on: "opened" }, { on: "heardSomething" }, { on: "voice", voice: "recording" }]],
    ["ready", [heard, { on: "refused", reason: "none" }, { on: "without" }]],
    ["ready", [heard, { on: "without" }, { on: "network", network: "away" }]],
  ] as readonly (readonly [string, readonly CheckEvent[]])[])("stands at %s", (row, events) => expect(rowOf(after(...events))).toBe(row));

  it("hears nothing through a microphone that is not open", () => {
    expect(after(heard, { on: "heardSomething" }, { on: "voice", voice: "recording" }).microphone).toEqual({ is: "todo" });
  });

  it.each([
    ["good", [900, 20, 25, 30, 22]],
    ["slow", [900, 500, 650]],
    ["away", []],
  ] as const)("calls a network %s", (word, trips) => expect(networkOf(trips)).toBe(word));
});

describe("levels", () => {
  it("rise with speech, from nothing to full", () => {
    expect([0, 0.001, 0.03, 0.2, 1].map((rms) => Number(levelOf(rms).toFixed(2)))).toEqual([0, 0, 0.58, 0.96, 1]);
    expect(rmsOf(new Float32Array([0.5, -0.5]))).toBe(0.5);
    expect(rmsOf(new Float32Array())).toBe(0);
  });
});

describe("browsers", () => {
  const table: readonly (readonly [Browser, "phone" | "computer", string, number?])[] = [
    ["chrome", "computer", "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"],
    ["edge", "computer", "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"],
    ["firefox", "computer", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
    ["firefox-android", "phone", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"],
    ["chrome-android", "phone", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"],
    ["samsung", "phone", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"],
    ["safari", "computer", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"],
    ["safari-ios", "phone", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", 5],
    ["safari-ios", "phone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"],
    ["chrome-ios", "phone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1"],
    ["in-app", "phone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]/9.30"],
    ["in-app", "phone", "Mozilla/5.0 (Linux; Android 14; Pixel; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36"],
    ["other", "computer", "curl/8"],
  ];
  it.each(table.map(([browser, device, userAgent, touchPoints]) => ({ browser, device, userAgent, touchPoints: touchPoints ?? 0 })))("$browser on a $device", ({ browser, device, userAgent, touchPoints }) => {
    expect(browserOf(userAgent, touchPoints)).toBe(browser);
    expect(deviceOf(userAgent, touchPoints)).toBe(device);
  });

  it("each have their own remedy for a microphone that was refused", () => {
    const browsers = [...new Set(table.map(([browser]) => browser))];
    const steps = browsers.map((browser) => remedyFor("denied", browser).steps.join());
    expect(new Set(steps).size).toBe(browsers.length);
  });
});

describe("what the interview page remembers", () => {
  const said = (speaker: Caption["speaker"], final = true): Caption => ({ itemId: "a", speaker, text: "x", final, at: "", previousItemId: null });
  const live: InterviewState = {
    ...STATE_START,
    phase: { is: "live", since: 0 },
    link: { is: "up", since: 0 },
    leg: { is: "up", since: 0 },
    server: { session: "live", candidate: "up", ai: "up", speaking: null },
  };
  const lost = (since: number): InterviewState => ({ ...live, leg: { is: "lost", since, cause: "failed" } });

  it("says that one is back after a loss that was worth a word, and after no other", () => {
    const long = memoryStep(memoryStep(MEMORY_START, lost(0), 10), live, 2_500);
    expect(long.back).toBe(2_500);
    expect(memoryStep(long, live, 9_000).back).toBe(2_500);
    expect(memoryStep(memoryStep(MEMORY_START, lost(0), 10), live, 1_500).back).toBeNull();
  });

  it("says so too where ICE notices the outage as it ends, and says no better of it", () => {
    const keeping = (state: InterviewState, lostMs: number): InterviewState => ({ ...state, keeping: { on: true, lostMs } });
    const outage = (lostMs: number) => memoryStep(memoryStep(memoryStep(MEMORY_START, keeping(live, 0), 0), lost(10), 5_000), keeping(live, lostMs), 5_010);
    const flap = (memory: Memory, lostMs: number, ms: number) =>
      [5_020, 5_020 + ms - 1].reduce((before, now) => memoryStep(before, keeping(lost(5_020), lostMs), now), memory);
    const after = (lostMs: number, ms: number) => memoryStep(flap(outage(lostMs), lostMs, ms), keeping(live, lostMs), 5_020 + ms);
    expect(after(0, 100)).toMatchObject({ back: 5_010, whole: true });
    expect(after(900, 100)).toMatchObject({ back: 5_010, whole: false });
    expect(after(900, UNSPOKEN_MS)).toMatchObject({ back: 5_020 + UNSPOKEN_MS, whole: true });
    expect(flap(outage(0), 0, UNSPOKEN_MS + 1).back).toBeNull();
  });

  it("says that nothing was lost where that is so, and not where it is not", () => {
    const keeping = (state: InterviewState, on: boolean, lostMs: number): InterviewState => ({ ...state, keeping: { on, lostMs } });
    const through = (...states: InterviewState[]) => states.reduce((memory, state, at) => memoryStep(memory, state, at * 2_500), MEMORY_START);
    const well = keeping(live, true, 40);
    expect(through(well, keeping(lost(2_500), true, 40), well)).toMatchObject({ back: 5_000, whole: true });
    expect(through(well, keeping(lost(2_500), true, 900), keeping(live, true, 900)).whole).toBe(false);
    expect(through(live, lost(2_500), live).whole).toBe(false);
    const again = through(well, keeping(lost(2_500), true, 900), keeping(live, true, 900), keeping(lost(7_500), true, 900), keeping(live, true, 900));
    expect(again.whole).toBe(true);
  });

  it("dates the loss of the interviewer, and forgets it once it is back", () => {
    const away: InterviewState = { ...live, server: { session: "live", candidate: "up", ai: "lost" } };
    const since = memoryStep(memoryStep(MEMORY_START, away, 100), away, 900);
    expect(since.aiLost).toBe(100);
    expect(memoryStep(since, live, 950).aiLost).toBeNull();
  });

  it("believes that the interviewer is out of reach if it was told so since it was last here", () => {
    const server = { session: "live", candidate: "up", ai: "lost" } as const;
    const refusal = (): Pick<InterviewState, "notices"> => ({ notices: [{ code: "ai_unreachable", text: "" }] });
    const [away, before] = [{ ...live, server }, refusal()];
    const told = { ...away, ...before };
    const after = (...states: InterviewState[]) => states.reduce((memory, state, at) => memoryStep(memory, state, at), MEMORY_START).aiRefused;
    expect(after(live, away)).toBe(false);
    expect(after(live, away, told)).toBe(true);
    expect(after({ ...live, server: { ...server, ai: "none" } }, { ...live, server: { ...server, ai: "gone" }, ...before })).toBe(true);
    expect(after(live, away, told, { ...live, ...before })).toBe(false);
    expect(after(live, away, told, { ...live, ...before }, { ...away, ...before })).toBe(false);
    expect(after(live, away, told, { ...live, ...before }, { ...away, ...before }, { ...away, ...refusal() })).toBe(true);
  });

  it("says that the microphone was given back, and for a moment's loss does not", () => {
    const taken: InterviewState = { ...live, microphone: { is: "silenced", since: 100 } };
    const back: InterviewState = { ...live, microphone: { is: "live" } };
    const without = memoryStep(MEMORY_START, taken, 100);
    expect(memoryStep(without, back, 2_100).heardAgain).toBe(2_100);
    expect(memoryStep(memoryStep(without, back, 2_100), taken, 9_000).heardAgain).toBeNull();
    expect(memoryStep(without, back, 2_099).heardAgain).toBeNull();
    expect(memoryStep(MEMORY_START, back, 9_000).heardAgain).toBeNull();
  });

  it("dates an answer that is due, until it comes or somebody is not there", () => {
    const due: InterviewState = { ...live, captions: [said("candidate")] };
    const waiting = memoryStep(memoryStep(MEMORY_START, due, 100), due, 900);
    expect(waiting.aiDue).toBe(100);
    const speaking = { session: "live", candidate: "up", ai: "up", speaking: "ai" } as const;
    expect(memoryStep(waiting, { ...due, server: speaking }, 950).aiDue).toBeNull();
    expect(memoryStep(waiting, { ...due, server: { ...speaking, speaking: "candidate" } }, 950).aiDue).toBeNull();
    expect(memoryStep(waiting, { ...due, server: { ...speaking, ai: "lost" } }, 950).aiDue).toBeNull();
    expect(memoryStep(waiting, { ...due, leg: lost(900).leg }, 950).aiDue).toBeNull();
    expect(memoryStep(MEMORY_START, live, 0).aiDue).toBeNull(); // It opens the talk itself.
  });

  it("offers time after a question, until the candidate speaks", () => {
    const asked: InterviewState = { ...live, captions: [said("ai")] };
    const waiting = memoryStep(memoryStep(MEMORY_START, asked, 0), asked, TAKE_YOUR_TIME_MS);
    expect(asideFor(waiting, TAKE_YOUR_TIME_MS - 1)).toBeNull();
    expect(asideFor(waiting, TAKE_YOUR_TIME_MS)).toBe("Take your time");
    const speaking: InterviewState = { ...asked, server: { session: "live", candidate: "up", ai: "up", speaking: "candidate" } };
    expect(asideFor(memoryStep(waiting, speaking, 8_000), 8_000)).toBeNull();
    const asking: InterviewState = { ...live, captions: [said("ai", false)], server: { session: "live", candidate: "up", ai: "up", speaking: "ai" } };
    expect(memoryStep(MEMORY_START, asking, 0).quiet).toBeNull();
  });
});
