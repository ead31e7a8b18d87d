import { describe, expect, it } from "vitest";
import { parseServerFrame } from "./wire.js";

const parse = (frame: unknown) => parseServerFrame(JSON.stringify(frame))?.frame ?? null;
const STATE = { session: "live", candidate: "up", ai: "up" };

describe("frames from the relay", () => {
  it("carry their number", () => {
    expect(parseServerFrame('{"type":"renegotiate","seq":7,"iceRestart":true,"reason":"path"}')).toEqual({
      seq: 7,
      frame: { type: "renegotiate", iceRestart: true, reason: "path" },
    });
    expect(parseServerFrame('{"type":"renegotiate"}')?.seq).toBeNull();
  });

  it.each([
    ["answer", { type: "answer", sdp: "v=0", id: "o1" }],
    ["renegotiate", { type: "renegotiate", iceRestart: false, reason: "dtls" }],
    ["moved", { type: "moved", url: "https://relay-2.example" }],
    ["state", { type: "state", ...STATE, speaking: "ai", endsAt: "2026-01-01T00:00:00.000Z" }],
    ["state, nobody speaking", { type: "state", ...STATE, speaking: null }],
    ["caption", { type: "caption", itemId: "i", speaker: "ai", text: "x", final: true, at: "t", previousItemId: null }],
    ["ack", { type: "ack", stream: 1, upTo: 9, lacks: [[9, 12], [20, null]] }],
    ["notice", { type: "notice", code: "simulated", text: "x" }],
    ["ended", { type: "ended", reason: "time", summaryPending: true }],
    ["error", { type: "error", code: "c", detail: "d", fatal: true }],
    ["the end of candidates", { type: "candidate", candidate: null }],
  ])("are taken as they are: %s", (_name, frame) => expect(parse(frame)).toEqual(frame));

  it("lose the fields that are not known", () => {
    expect(parse({ type: "notice", code: "x", text: "y", later: 1, seq: 3 })).toEqual({ type: "notice", code: "x", text: "y" });
  });

  it("welcome with what is there", () => {
    expect(parse({ type: "welcome", sessionId: "s", resume: null, resumed: false, state: STATE })).toEqual({
      type: "welcome", sessionId: "s", resume: null, iceServers: [], resumed: false, state: STATE, heardUpTo: [],
    }); // prettier-ignore
    const servers = [{ urls: "stun:a" }, { urls: ["turn:b", 7], username: "u", credential: "c" }, { urls: 3 }, null, { urls: [] }];
    expect(parse({ type: "welcome", sessionId: "s", iceServers: servers, state: STATE })).toMatchObject({
      iceServers: [{ urls: ["stun:a"] }, { urls: ["turn:b"], username: "u", credential: "c" }],
    });
  });

  it("put a candidate without a place into the one section there is", () => {
    expect(parse({ type: "candidate", candidate: { candidate: "x" } })).toEqual({ type: "candidate", candidate: { candidate: "x", sdpMLineIndex: 0 } });
    expect(parse({ type: "candidate", candidate: { candidate: "x", sdpMid: "0", usernameFragment: "f" } })).toEqual({
      type: "candidate", candidate: { candidate: "x", sdpMid: "0", usernameFragment: "f" },
    }); // prettier-ignore
  });

  it("end for an unknown reason rather than not at all", () => {
    expect(parse({ type: "ended", reason: "later" })).toEqual({ type: "ended", reason: "failed", summaryPending: false });
  });

  it.each([
    ["not JSON", "{"],
    ["nothing", ""],
    ["a list", "[]"],
    ["a word", '"welcome"'],
    ["no type", "{}"],
    ["an unknown type", '{"type":"later"}'],
    ["a welcome to nothing", '{"type":"welcome","state":{"session":"live","candidate":"up","ai":"up"}}'],
    ["a welcome without a state", '{"type":"welcome","sessionId":"s"}'],
    ["an answer without SDP", '{"type":"answer","id":"1"}'],
    ["a state in unknown words", '{"type":"state","session":"odd","candidate":"up","ai":"up"}'],
    ["a caption of nobody", '{"type":"caption","itemId":"i","speaker":"dog","text":"x"}'],
    ["a candidate of no text", '{"type":"candidate","candidate":{}}'],
    ["an ack of nothing", '{"type":"ack"}'],
  ])("are ignored when they are %s", (_name, text) => expect(parseServerFrame(text)).toBeNull());
});
