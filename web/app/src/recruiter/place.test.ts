import { describe, expect, it } from "vitest";
import { path, placeOf } from "./place.js";

describe("the recruiter's addresses", () => {
  it.each([
    ["/recruiter", { at: "interviews" }],
    ["/recruiter/", { at: "interviews" }],
    ["/recruiter/interviews", { at: "interviews" }],
    ["/recruiter/interviews/a%20b", { at: "interview", id: "a b" }],
    ["/recruiter/positions", { at: "positions" }],
    ["/recruiter/positions/new", { at: "position", id: null }],
    ["/recruiter/positions/x", { at: "position", id: "x" }],
    ["/recruiter/candidates", { at: "candidates" }],
    ["/recruiter/candidates/new", { at: "candidate", id: null }],
    ["/recruiter/candidates/x", { at: "candidate", id: "x" }],
    ["/recruiter/invitations", { at: "invitations" }],
    ["/recruiter/invitations/new", { at: "invite" }],
    ["/recruiter/invitations/x", { at: "nowhere" }],
    ["/recruiter/interviews/%E0%A4%A", { at: "nowhere" }],
    ["/recruiter/a/b/c", { at: "nowhere" }],
    ["/recruiter/elsewhere", { at: "nowhere" }],
    ["/other", { at: "nowhere" }],
  ])("%s", (address, place) => {
    expect(placeOf(address)).toEqual(place);
  });

  it("are made as they are read", () => {
    expect(placeOf(path("interviews", "a/b"))).toEqual({ at: "interview", id: "a/b" });
    expect(path()).toBe("/recruiter");
  });
});
