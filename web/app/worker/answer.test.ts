import { describe, expect, it } from "vitest";
import { answerFor, CACHE_PREFIX, isAway, isWhole, outworn } from "./answer.js";

const ORIGIN = "https://talk.example";
const FILES = new Set(["/assets/index-a1.js", "/assets/index-b2.css", "/icon.svg"]);

describe("a request", () => {
  it.each([
    ["page", "GET", "/interview/018f", "navigate"],
    ["page", "GET", "/interview/join?token=secret", "navigate"],
    ["network", "POST", "/interview/018f", "navigate"],
    ["network", "GET", "/interview/018f", "cors"],
    ["network", "GET", "/", "navigate"],
    ["network", "GET", "/interview", "navigate"],
    ["network", "GET", "/interview/a/b", "navigate"],
    ["network", "GET", "/recruiter", "navigate"],
    ["network", "GET", "/docs", "navigate"],
    ["network", "GET", "/api/sessions/018f", "navigate"],
    ["file", "GET", "/assets/index-a1.js", "cors"],
    ["file", "GET", "/assets/index-b2.css", "no-cors"],
    ["file", "GET", "/icon.svg", "no-cors"],
    ["network", "GET", "/assets/index-of-another-version.js", "cors"],
    ["network", "GET", "/icon.svg?token=secret", "no-cors"],
    ["network", "HEAD", "/icon.svg", "no-cors"],
    ["network", "GET", "/sw.js", "same-origin"],
    ["network", "GET", "/api/sessions/018f", "cors"],
    ["network", "GET", "/api/sessions/018f/transcript", "cors"],
    ["network", "POST", "/api/invitations/redeem", "cors"],
    ["network", "GET", "/ws?session=018f", "websocket"],
    ["network", "GET", "/healthz", "cors"],
    ["network", "GET", "https://elsewhere.example/assets/index-a1.js", "cors"],
    ["network", "GET", "https://elsewhere.example/interview/018f", "navigate"],
  ])("goes to the %s: %s %s, %s", (answer, method, path, mode) => {
    expect(answerFor({ method, url: new URL(path, ORIGIN).href, mode }, ORIGIN, FILES)).toBe(answer);
  });
});

describe("a host", () => {
  it.each([[200, false], [304, false], [401, false], [404, false], [429, false], [500, true], [502, true], [503, true]] as const)("that answers %i is away: %s", (status, away) => {
    expect(isAway(status)).toBe(away);
  });
});

describe("a document", () => {
  const of = (...paths: string[]) => `<!doctype html><link rel="icon" href="/icon.svg">${paths.map((path) => `<script type="module" src="${path}"></script>`).join("")}`;
  it.each([
    ["this version's", of("/assets/index-a1.js"), true],
    ["another version's", of("/assets/index-z9.js"), false],
    ["a login page of somebody's network", "<!doctype html><h1>Welcome to the hotel</h1>", false],
    ["nothing", "", false],
  ])("that is %s is kept: %s", (_whose, html, isKept) => expect(isWhole(html, FILES)).toBe(isKept));
});

describe("caches", () => {
  const at = (version: string) => CACHE_PREFIX + version;
  it.each([
    ["the first", [at("1")], []],
    ["with one before", [at("1"), at("2")], []],
    ["with two before", [at("1"), at("2"), at("3")], [at("1")]],
    ["with others'", ["theirs", at("1"), at("2"), "theirs too", at("3")], [at("1")]],
  ])("%s", (_which, names, gone) => expect(outworn(names, names.at(-1) ?? "")).toEqual(gone));

  it("of a version that has come back", () => {
    expect(outworn([at("2"), at("1"), at("3")], at("2"))).toEqual([at("1")]);
  });
});
