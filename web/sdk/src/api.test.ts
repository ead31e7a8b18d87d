import { describe, expect, it } from "vitest";
import { Api } from "./api.js";
import { ApiError } from "./http.js";

interface Call {
  readonly url: string;
  readonly init: RequestInit;
}

function api(status: number, body: unknown, headers: Record<string, string> = {}): { readonly api: Api; readonly calls: Call[] } {
  const calls: Call[] = [];
  const fake: typeof fetch = (url, init) => {
    calls.push({ url: url as string, init: init ?? {} });
    return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers }));
  };
  return { api: new Api({ baseUrl: "https://relay.example/", fetch: fake }), calls };
}

describe("the calls", () => {
  it("redeem an invitation by its token in the body", async () => {
    const { api: a, calls } = api(200, { access_token: "t", invitation_id: "i", expires_at: "2026-01-01T00:00:00.000Z" });
    expect(await a.redeem("secret")).toEqual({ accessToken: "t", invitationId: "i", expiresAt: "2026-01-01T00:00:00.000Z" });
    expect(calls[0]?.url).toBe("https://relay.example/api/invitations/redeem");
    expect(calls[0]?.init).toMatchObject({ method: "POST", body: '{"token":"secret"}', credentials: "omit" });
    expect(calls[0]?.init.headers).not.toHaveProperty("Authorization");
  });

  it("open a session as the bearer", async () => {
    const { api: a, calls } = api(201, { session_id: "s", fly_app_url: "https://m1.example", position: { id: "p", title: "T", description: "D", max_minutes: 30 }, company: { id: "c", name: "N" } });
    expect(await a.createSession("t", "i")).toEqual({
      sessionId: "s",
      relayUrl: "https://m1.example",
      position: { id: "p", title: "T", description: "D", maxMinutes: 30, language: null },
      company: { id: "c", name: "N" },
    });
    expect(calls[0]?.init.headers).toMatchObject({ Authorization: "Bearer t" });
    expect(calls[0]?.init.body).toBe('{"invitation_id":"i"}');
  });

  it("bear an answer that lacks what can be missed, and no other", async () => {
    expect(await api(200, { session_id: "s" }).api.createSession("t", "i")).toMatchObject({ relayUrl: null, company: { name: "" } });
    await expect(api(200, {}).api.createSession("t", "i")).rejects.toMatchObject({ status: 502 });
    await expect(api(200, []).api.redeem("x")).rejects.toMatchObject({ status: 502 });
  });

  it("keep the consent, or say that this relay keeps none", async () => {
    expect(await api(200, {}).api.consent("t", "s", "v1", true)).toBe(true);
    expect(await api(404, {}).api.consent("t", "s", "v1", true)).toBe(false);
    await expect(api(503, {}).api.consent("t", "s", "v1", true)).rejects.toMatchObject({ status: 503 });
  });

  it("read the transcript as it was heard, skipping what is not an utterance", async () => {
    const entries = [
      { id: "1", item_id: "a", speaker: "ai", text: "Hi there", start_time: "t1", interrupted: true, heard_text: "Hi" },
      null,
      { speaker: "dog", text: "x" },
      { speaker: "candidate", text: "Ho", heard_text: "not looked at" },
      { id: "5", speaker: "candidate", text: "", gap: "transcription_failed" },
    ];
    const rest = { final: true, previousItemId: undefined };
    expect(await api(200, { entries }).api.transcript("t", "s")).toEqual([
      { ...rest, itemId: "a", speaker: "ai", text: "Hi", at: "t1", interrupted: true, missing: false },
      { ...rest, itemId: "entry-3", speaker: "candidate", text: "Ho", at: "", interrupted: false, missing: false },
      { ...rest, itemId: "5", speaker: "candidate", text: "", at: "", interrupted: false, missing: true },
    ]);
    expect(await api(200, {}).api.transcript("t", "s")).toEqual([]);
  });

  it.each([["completed", true], ["failed", true], ["in_progress", false]])("know whether %s is over", async (status, over) => {
    expect(await api(200, { status, end_reason: over ? "time" : null }).api.session("t", "s")).toEqual({ status, over, endReason: over ? "time" : null });
  }); // prettier-ignore

  it("put ids into the address as ids", async () => {
    const { api: a, calls } = api(200, {});
    await a.complete("t", "../x?y");
    expect(calls[0]?.url).toBe("https://relay.example/api/sessions/..%2Fx%3Fy/complete");
  });
});

describe("problems", () => {
  it("are told as the relay tells them", async () => {
    const { api: a } = api(429, { title: "too many", detail: "wait", type: "/problems/429" }, { "Retry-After": "30" });
    const error: unknown = await a.redeem("x").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, message: "too many", detail: "wait", type: "/problems/429", retryAfterMs: 30_000 });
  });

  it("without a body still have their status", async () => {
    await expect(api(410, undefined).api.redeem("x")).rejects.toMatchObject({ status: 410, message: "status 410" });
  });

  it("of the network have status 0", async () => {
    const a = new Api({ fetch: () => Promise.reject(new TypeError("offline")) });
    await expect(a.redeem("x")).rejects.toMatchObject({ status: 0 });
  });

  it("come in time when nothing answers", async () => {
    const never: typeof fetch = (_url, init) =>
      new Promise((_done, fail) => {
        init?.signal?.addEventListener("abort", () => fail(new Error("aborted")));
      });
    await expect(new Api({ fetch: never, timeoutMs: 5 }).redeem("x")).rejects.toMatchObject({ status: 0 });
  });
});
