import { ApiError } from "@vivavoce/sdk";
import { describe, expect, it } from "vitest";
import { at, clock, failureWords, interviewWords, length } from "./words.js";

describe("words", () => {
  it("say how an interview stands", () => {
    expect(interviewWords({ status: "completed", endReason: "candidate" })).toBe("Held, ended by the candidate");
    expect(interviewWords({ status: "completed", endReason: "?" })).toBe("Held, and ended");
    expect(interviewWords({ status: "failed", endReason: "failed" })).toContain("technical failure");
    expect(interviewWords({ status: "new-word", endReason: null })).toBe("new-word");
  });

  it("say what went wrong, and each has a code", () => {
    for (const status of [0, 401, 403, 404, 409, 429, 500, 503]) expect(failureWords(new ApiError(status, ""))).toContain(`(code ${status})`);
    const invalid = new ApiError(422, "", { invalid: [{ pointer: "/title", detail: "x" }] });
    expect(failureWords(invalid)).toBe("Please look at what is marked.");
    expect(failureWords(new TypeError("x"))).toContain("(code page)");
  });

  it("tell times", () => {
    expect(at("2026-11-28T10:05:00.000Z", ["en-GB"])).toContain("28 Nov 2026");
    expect(at(null)).toBe("");
    expect(at("x")).toBe("");
    expect(length("2026-11-28T10:00:00Z", "2026-11-28T10:12:05.900Z")).toBe("12:05");
    expect(length(null, "2026-11-28T10:12:05Z")).toBe("");
    expect(length("2026-11-28T10:12:05Z", "2026-11-28T10:00:00Z")).toBe("");
    expect(clock(3_599_999)).toBe("59:59");
  });
});
