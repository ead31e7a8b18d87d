import { describe, expect, it, vi } from "vitest";
import { answerTo, cacheOf, isShellOf, PAGE_MS_MAX, pageFrom, staleCaches } from "./answers.js";
import type { Answer, Build } from "./answers.js";

const HERE = "https://talk.example";
const BUILD: Build = { id: "b2", files: ["/assets/index-Ab_1.js", "/assets/index-Cd-2.css", "/icon.svg"] };

describe("which request is answered how", () => {
  const table: readonly (readonly [string, string, string, Answer])[] = [
    ["GET", "navigate", "/interview/5f2c", "page"],
    ["GET", "navigate", "/interview/5f2c/", "page"],
    ["GET", "navigate", "/interview/join?token=s3cret", "page"],
    ["GET", "navigate", "/", "network"],
    ["GET", "navigate", "/recruiter", "network"],
    ["GET", "navigate", "/docs", "network"],
    ["GET", "navigate", "/interview/5f2c/more", "network"],
    ["POST", "navigate", "/interview/5f2c", "network"],
    ["GET", "cors", "/interview/5f2c", "network"],
    ["GET", "cors", "/assets/index-Ab_1.js", "file"],
    ["GET", "no-cors", "/assets/index-Cd-2.css", "file"],
    ["GET", "no-cors", "/icon.svg", "file"],
    ["HEAD", "cors", "/assets/index-Ab_1.js", "network"],
    ["GET", "cors", "/assets/index-Ab_1.js?token=s3cret", "network"],
    ["GET", "cors", "/assets/index-older.js", "network"],
    ["GET", "same-origin", "/pages-worker.js", "network"],
    ["GET", "cors", "/api/sessions/5f2c", "network"],
    ["GET", "navigate", "/api/sessions/5f2c/transcript", "network"],
    ["POST", "cors", "/api/invitations/redeem", "network"],
    ["GET", "websocket", "/ws?session_id=5f2c", "network"],
    ["POST", "cors", "/whip/5f2c", "network"],
    ["GET", "cors", "/healthz", "network"],
  ];
  it.each(table)("%s %s %s: %s", (method, mode, path, answer) => {
    expect(answerTo({ method, mode, url: HERE + path }, HERE, BUILD)).toBe(answer);
  });

  it("leaves other hosts alone, whatever they call their files", () => {
    for (const [mode, path] of [["cors", "/icon.svg"], ["navigate", "/interview/5f2c"]] as const) {
      expect(answerTo({ method: "GET", mode, url: `https://relay.example${path}` }, HERE, BUILD)).toBe("network");
    } // prettier-ignore
  });
});

describe("a build", () => {
  it("takes the place of the ones before it, and of nothing else", () => {
    expect(staleCaches([cacheOf({ id: "b1", files: [] }), cacheOf(BUILD), "somebody-else's"], BUILD)).toEqual([cacheOf({ id: "b1", files: [] })]);
  });

  it("knows its own document", () => {
    const html = (...files: string[]) => files.map((file) => `<script src="${file}"></script>`).join("");
    expect(isShellOf(html("/assets/index-Ab_1.js", "/assets/index-Cd-2.css"), BUILD)).toBe(true);
    expect(isShellOf(html("/assets/index-newer.js", "/assets/index-Cd-2.css"), BUILD)).toBe(false);
    expect(isShellOf("<p>This binary was built without the pages.", BUILD)).toBe(false);
  });
});

describe("a page", () => {
  const KEPT = { status: 200, from: "kept" };
  const late = () => new Promise<never>(() => undefined);
  function world(network: () => Promise<{ status: number; from: string }>, { isLate = false, kept = true } = {}) {
    const after = vi.fn<(ms: number) => Promise<void>>(() => (isLate ? Promise.resolve() : late()));
    return { after, ports: { network, kept: () => Promise.resolve(kept ? KEPT : undefined), after } };
  }
  const sent = (status: number) => () => Promise.resolve({ status, from: "network" });

  it.each([200, 404, 429])("is what its host sends (%i)", async (status) => {
    expect(await pageFrom(world(sent(status)).ports)).toEqual({ status, from: "network" });
  });

  it("is what was kept where the host is not there", async () => {
    expect(await pageFrom(world(() => Promise.reject(new TypeError("refused"))).ports)).toBe(KEPT);
  });

  it.each([500, 502, 503])("or a proxy says so (%i)", async (status) => {
    expect(await pageFrom(world(sent(status)).ports)).toBe(KEPT);
  });

  it("or nobody says anything for three seconds", async () => {
    const { ports, after } = world(late, { isLate: true });
    expect(await pageFrom(ports)).toBe(KEPT);
    expect(after).toHaveBeenCalledExactlyOnceWith(PAGE_MS_MAX);
  });

  it("that was never kept is waited for", async () => {
    let arrive: (answer: { status: number; from: string }) => void = () => undefined;
    const network = () => new Promise<{ status: number; from: string }>((resolve) => (arrive = resolve));
    const page = pageFrom(world(network, { isLate: true, kept: false }).ports);
    await vi.waitFor(() => arrive({ status: 200, from: "network" }));
    expect(await page).toEqual({ status: 200, from: "network" });
  });

  it("that was never kept, and fails, fails as it would without us", async () => {
    expect(await pageFrom(world(sent(502), { kept: false }).ports)).toEqual({ status: 502, from: "network" });
    await expect(pageFrom(world(() => Promise.reject(new TypeError("refused")), { kept: false }).ports)).rejects.toThrow("refused");
  });

  it("comes from its host where the browser has lost the cache", async () => {
    const { ports } = world(sent(503));
    expect(await pageFrom({ ...ports, kept: () => Promise.reject(new Error("gone")) })).toEqual({ status: 503, from: "network" });
  });
});
