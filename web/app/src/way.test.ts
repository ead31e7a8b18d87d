import { ApiError } from "@vivavoce/sdk";
import type { Interview, SessionInfo } from "@vivavoce/sdk";
import { describe, expect, it, vi } from "vitest";
import { CandidateWay, CONSENT_VERSION, QUIET_MS, STATUS_MS_MAX, UNASKED_MS_MAX } from "./way.js";
import type { Outside } from "./way.js";

const SESSION: SessionInfo = {
  sessionId: "s1",
  relayUrl: null,
  position: { id: "p", title: "Engineer", description: "", maxMinutes: 30, language: "en" },
  company: { id: "c", name: "Northwind" },
};

function world(change: Partial<Outside["api"]> = {}, kept = new Map<string, string>()) {
  const addresses: string[] = [];
  let ended: ((value: { reason: "candidate"; summaryPending: boolean }) => void) | null = null;
  const interview = {
    on: (_name: string, listener: typeof ended) => {
      ended = listener;
      return () => undefined;
    },
    join: vi.fn(),
  };
  const microphoneUnasked = vi.fn<Outside["microphoneUnasked"]>(() => Promise.resolve(null));
  const after = vi.fn<Outside["after"]>(() => new Promise(() => undefined));
  const api = {
    redeem: vi.fn<Outside["api"]["redeem"]>(() => Promise.resolve({ accessToken: "t", invitationId: "i", expiresAt: null })),
    createSession: vi.fn<Outside["api"]["createSession"]>(() => Promise.resolve(SESSION)),
    consent: vi.fn<Outside["api"]["consent"]>(() => Promise.resolve(false)),
    session: vi.fn<Outside["api"]["session"]>(() => Promise.resolve({ status: "in_progress", over: false, endReason: null })),
    ...change,
  };
  const way = new CandidateWay({
    api,
    storage: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) },
    replaceAddress: (path) => addresses.push(path),
    makeInterview: () => interview as unknown as Interview,
    after,
    microphoneUnasked,
  });
  return { way, api, addresses, kept, interview, after, microphoneUnasked, end: () => ended?.({ reason: "candidate", summaryPending: true }) };
}
const failing = (status: number) => () => Promise.reject(new ApiError(status, "x"));

describe("the candidate's way", () => {
  it("leads from the link to the closing", async () => {
    const { way, api, addresses, interview, end } = world();
    await way.openInvitation("secret");
    expect(way.current()).toMatchObject({ is: "invitation", visit: { accessToken: "t", session: SESSION } });
    await way.begin();
    expect(api.consent).toHaveBeenCalledWith("t", "s1", CONSENT_VERSION, true);
    expect(way.current().is).toBe("check");
    const microphone = {} as MediaStream;
    way.join(microphone);
    expect(way.current().is).toBe("talk");
    expect(interview.join).toHaveBeenCalledExactlyOnceWith(microphone);
    end();
    expect(way.current()).toMatchObject({ is: "closing", ended: { reason: "candidate" } });
    expect(addresses).toEqual(["/interview/s1"]);
  });

  it("takes the invitation's secret out of the address, and keeps it nowhere", async () => {
    const { way, addresses, kept } = world();
    await way.openInvitation("secret-of-the-link");
    expect(addresses).toEqual(["/interview/s1"]);
    expect([...kept.values()].join()).not.toContain("secret-of-the-link");
  });

  it("lets one think it over", async () => {
    const { way, api } = world();
    await way.openInvitation("x");
    way.decline();
    expect(way.current().is).toBe("declined");
    expect(api.consent).not.toHaveBeenCalled();
    await way.begin();
    expect(way.current().is).toBe("check");
  });

  it("joins nothing before the check", async () => {
    const { way, interview } = world();
    await way.openInvitation("x");
    way.join(null);
    expect(interview.join).not.toHaveBeenCalled();
  });

  it.each([404, 410, 429, 500, 0])("says what is wrong with a link (%i)", async (status) => {
    const { way } = world({ redeem: failing(status) });
    void way.openInvitation("x");
    await vi.waitFor(() => expect(way.current()).toMatchObject({ is: "problem", error: { status } }));
  });

  it("asks nobody about an empty link", async () => {
    const { way, api } = world();
    await way.openInvitation("");
    expect(way.current()).toMatchObject({ is: "problem", error: { status: 404 } });
    expect(api.redeem).not.toHaveBeenCalled();
  });

  it("can be tried again from a problem", async () => {
    let tries = 0;
    const { way } = world({ redeem: () => ((tries += 1) === 1 ? failing(0)() : Promise.resolve({ accessToken: "t", invitationId: "i", expiresAt: null })) });
    void way.openInvitation("x");
    await vi.waitFor(() => expect(way.current().is).toBe("problem"));
    const at = way.current();
    if (at.is !== "problem") throw new Error("expected a problem");
    at.again?.();
    await vi.waitFor(() => expect(way.current().is).toBe("invitation"));
  });

  /** Answers so, one after the other, and then lets one in. */
  function redeeming(...statuses: number[]) {
    return vi.fn<Outside["api"]["redeem"]>(() => {
      const status = statuses.shift();
      return status === undefined ? Promise.resolve({ accessToken: "t", invitationId: "i", expiresAt: null }) : failing(status)();
    });
  }

  it("opens by itself when its host is back, and says until then that it is away, once", async () => {
    const { way, after } = world({ redeem: redeeming(0, 503, 0) });
    const said: string[] = [];
    way.subscribe(() => said.push(way.current().is));
    after.mockResolvedValue();
    await way.openInvitation("x");
    expect(after).toHaveBeenCalledTimes(3);
    expect(after).toHaveBeenLastCalledWith(QUIET_MS);
    expect(said).toEqual(["opening", "problem", "invitation"]);
  });

  it("does not try on by itself once the person has", async () => {
    const redeem = redeeming(0);
    const { way, after } = world({ redeem });
    let pass: () => void = () => undefined;
    after.mockImplementation(() => new Promise((resolve) => (pass = resolve)));
    const first = way.openInvitation("x");
    await vi.waitFor(() => expect(after).toHaveBeenCalledOnce());
    await way.openInvitation("x");
    pass();
    await first;
    expect(way.current().is).toBe("invitation");
    expect(redeem).toHaveBeenCalledTimes(2);
  });

  it("says what it is told when somebody answers again", async () => {
    const { way, after } = world({ redeem: redeeming(0, 410) });
    after.mockResolvedValue();
    await way.openInvitation("x");
    expect(way.current()).toMatchObject({ is: "problem", error: { status: 410 } });
  });

  it("does not begin without the consent being kept, where it can be", async () => {
    const { way } = world({ consent: failing(503) });
    await way.openInvitation("x");
    await way.begin();
    expect(way.current()).toMatchObject({ is: "problem", error: { status: 503 } });
  });
});

describe("a reload", () => {
  async function reloaded(step: "invitation" | "check" | "talk", change: Partial<Outside["api"]> = {}) {
    const before = world();
    await before.way.openInvitation("x");
    if (step !== "invitation") await before.way.begin();
    if (step === "talk") before.way.join(null);
    return world(change, before.kept);
  }

  it.each(["invitation", "check"] as const)("finds the %s again", async (step) => {
    const { way } = await reloaded(step);
    await way.openSession("s1");
    expect(way.current().is).toBe(step);
  });

  it("goes on with the talk at once where the microphone needs no question", async () => {
    const { way, microphoneUnasked, interview } = await reloaded("talk");
    const microphone = {} as MediaStream;
    microphoneUnasked.mockResolvedValueOnce(microphone);
    const steps: string[] = [];
    way.subscribe(() => steps.push(way.current().is));
    await way.openSession("s1");
    expect(steps).toEqual(["opening", "talk"]); // No page comes and goes between them.
    expect(interview.join).toHaveBeenCalledExactlyOnceWith(microphone);
  });

  it("asks for a press where the microphone is slow to come, and gives it back if it was pressed by then", async () => {
    const { way, microphoneUnasked, interview, after } = await reloaded("talk");
    let give: (microphone: MediaStream) => void = () => undefined;
    microphoneUnasked.mockReturnValueOnce(new Promise((resolve) => (give = resolve)));
    after.mockImplementation((ms) => (ms === UNASKED_MS_MAX ? Promise.resolve() : new Promise(() => undefined)));
    const opened = way.openSession("s1");
    await vi.waitFor(() => expect(way.current().is).toBe("return"));
    way.join(null);
    const stop = vi.fn();
    give({ getTracks: () => [{ stop }] } as unknown as MediaStream);
    await opened;
    expect(interview.join).toHaveBeenCalledExactlyOnceWith(null);
    expect(stop).toHaveBeenCalledOnce();
  });

  it("asks for a press where it does", async () => {
    const { way } = await reloaded("talk");
    await way.openSession("s1");
    expect(way.current().is).toBe("return");
    way.join(null);
    expect(way.current().is).toBe("talk");
  });

  it("by the same link goes on too", async () => {
    const { way } = await reloaded("talk");
    await way.openInvitation("x");
    expect(way.current().is).toBe("return");
  });

  it.each([["completed", null, "unknown"], ["completed", "time", "time"], ["failed", null, "failed"]] as const)("finds an interview that is %s (%s) closed", async (status, endReason, reason) => {
    const { way } = await reloaded("talk", { session: () => Promise.resolve({ status, over: true, endReason }) });
    await way.openSession("s1");
    expect(way.current()).toMatchObject({ is: "closing", ended: { reason } });
  }); // prettier-ignore

  it("is not stopped by a relay that does not answer", async () => {
    const { way } = await reloaded("check", { session: failing(0) });
    await way.openSession("s1");
    expect(way.current().is).toBe("check");
  });

  it("nor waits for one that says nothing: what the tab remembers is enough", async () => {
    const { way, after } = await reloaded("talk", { session: () => new Promise(() => undefined) });
    after.mockResolvedValueOnce();
    await way.openSession("s1");
    expect(after).toHaveBeenCalledWith(STATUS_MS_MAX);
    expect(way.current().is).toBe("return");
  });

  it("is stopped by one that will not have us", async () => {
    const { way } = await reloaded("check", { session: failing(401) });
    await way.openSession("s1");
    expect(way.current()).toMatchObject({ is: "problem", error: { status: 401 } });
  });

  it("in a tab that was never invited asks for the link", async () => {
    const { way } = world();
    await way.openSession("s1");
    expect(way.current()).toMatchObject({ is: "problem", error: { status: 401 } });
  });

  it.each(["{", "null", '{"visit":{},"place":"talk"}', '{"place":"moon"}'])("bears what another version left: %s", async (text) => {
    const { way } = world({}, new Map([["vivavoce.visit.s1", text]]));
    await way.openSession("s1");
    expect(way.current()).toMatchObject({ is: "problem", error: { status: 401 } });
  });
});
