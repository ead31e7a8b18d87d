import { describe, expect, it } from "vitest";
import { presenceOf, STATE_START, stateStep } from "./state.js";
import type { InterviewState, Phase, Presence } from "./state.js";
import type { ServerFrame, ServerSession, ServerState, Speaker } from "./wire.js";

const server = (session: ServerSession, rest: Partial<ServerState> = {}): ServerFrame => ({ type: "state", session, candidate: "up", ai: "up", ...rest });
const after = (...frames: readonly ServerFrame[]) =>
  frames.reduce<InterviewState>((state, frame) => stateStep(state, { on: "frame", frame, now: 5 }), stateStep(STATE_START, { on: "joining", now: 1 }));
const caption = (itemId: string, speaker: Speaker, final: boolean): ServerFrame => ({ type: "caption", itemId, speaker, text: "x", final, at: "" });
const ended: ServerFrame = { type: "ended", reason: "interviewer", summaryPending: true };

describe("the phase", () => {
  const table: readonly (readonly [string, readonly ServerFrame[], Phase])[] = [
    ["joining at first", [], { is: "joining", since: 1 }],
    ["joining while the relay connects", [server("waiting"), server("connecting")], { is: "joining", since: 1 }],
    ["live", [server("connecting"), server("live")], { is: "live", since: 5 }],
    ["ending", [server("live"), server("ending")], { is: "ending" }],
    ["ended", [server("ending"), ended], { is: "ended", reason: "interviewer", summaryPending: true }],
    ["ended for good", [ended, server("live"), server("failed")], { is: "ended", reason: "interviewer", summaryPending: true }],
    ["ending until it is told why", [server("live"), server("completed")], { is: "ending" }],
    ["told why after it was found completed", [server("completed"), ended], { is: "ended", reason: "interviewer", summaryPending: true }],
    ["refused by a fatal error", [{ type: "error", code: "c", detail: "d", fatal: true }], { is: "refused", code: "c", detail: "d" }],
    ["not refused by another", [server("live"), { type: "error", code: "c", detail: "d", fatal: false }], { is: "live", since: 5 }],
    ["not refused once ended", [ended, { type: "error", code: "c", detail: "d", fatal: true }], { is: "ended", reason: "interviewer", summaryPending: true }],
  ];
  it.each(table)("is %s", (_name, frames, phase) => expect(after(...frames).phase).toEqual(phase));

  it.each([["completed", "unknown"], ["failed", "failed"]] as const)("is ended where nobody says why it is %s", (session, reason) => {
    expect(stateStep(after(server(session)), { on: "overdue" }).phase).toEqual({ is: "ended", reason, summaryPending: false });
    expect(stateStep(after(server(session), ended), { on: "overdue" }).phase).toMatchObject({ reason: "interviewer" });
    expect(stateStep(after(server("live")), { on: "overdue" }).phase.is).toBe("live");
  }); // prettier-ignore

  it("is elsewhere after a takeover, unless it has ended", () => {
    const link = { is: "closed", reason: "superseded" } as const;
    expect(stateStep(after(server("live")), { on: "link", link }).phase).toEqual({ is: "elsewhere" });
    expect(stateStep(after(ended), { on: "link", link }).phase.is).toBe("ended");
  });

  it("stays live while the socket is away", () => {
    expect(stateStep(after(server("live")), { on: "link", link: { is: "waiting", attempt: 1, lostAt: 0, retryAt: 1 } }).phase.is).toBe("live");
  });
});

describe("notices", () => {
  it("are the latest of each code", () => {
    const state = after({ type: "notice", code: "a", text: "1" }, { type: "notice", code: "b", text: "2" }, { type: "notice", code: "a", text: "3" });
    expect(state.notices).toEqual([{ code: "b", text: "2" }, { code: "a", text: "3" }]);
  });
});

describe("the interviewer's presence", () => {
  const table: readonly (readonly [Presence, string, readonly ServerFrame[]])[] = [
    ["away", "before anything is known", []],
    ["away", "while its leg is lost", [server("live", { ai: "lost" }), caption("a", "ai", false)]],
    ["speaking", "when the relay says so", [server("live", { speaking: "ai" })]],
    ["listening", "while the candidate speaks", [caption("a", "ai", false), server("live", { speaking: "candidate" })]],
    ["thinking", "before its first word", [server("live")]],
    ["thinking", "after the candidate's last", [server("live"), caption("c", "candidate", true)]],
    ["thinking", "also when the relay says that nobody speaks", [server("live", { speaking: null }), caption("c", "candidate", true)]],
    ["listening", "to unfinished words", [server("live"), caption("c", "candidate", false)]],
    ["speaking", "while its own words are unfinished", [server("live"), caption("a", "ai", false)]],
    ["listening", "when the relay says that nobody speaks after its words", [server("live", { speaking: null }), caption("a", "ai", false)]],
    ["listening", "once its words are whole", [server("live"), caption("a", "ai", true)]],
  ];
  it.each(table)("is %s %s", (presence, _when, frames) => expect(presenceOf(after(...frames))).toBe(presence));
});
