import { describe, expect, it } from "vitest";
import { digest, qualityOf, sampleOf } from "./stats.js";

const entries = (change: object = {}) => [
  { type: "candidate-pair", id: "old", nominated: true, state: "succeeded", currentRoundTripTime: 9 },
  { type: "candidate-pair", id: "used", nominated: true, state: "succeeded", currentRoundTripTime: 0.0301, bytesReceived: 200, responsesReceived: 20, requestsReceived: 10 },
  { type: "transport", id: "t", selectedCandidatePairId: "used", bytesReceived: 500 },
  { type: "inbound-rtp", kind: "video", packetsReceived: 9_999 },
  { type: "inbound-rtp", kind: "audio", jitter: 0.0042, packetsReceived: 100, packetsLost: 2, totalSamplesReceived: 96_000, concealedSamples: 1_000, silentConcealedSamples: 40, totalAudioEnergy: 0.5, ...change },
  { type: "outbound-rtp", kind: "audio", packetsSent: 120 },
  { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.02 },
]; // prettier-ignore

describe("a sample", () => {
  it("is of the audio, on the pair in use, silence not counted as concealed", () => {
    expect(sampleOf(entries(), 7)).toEqual({
      at: 7, rttMs: 30.1, jitterMs: 4.2, received: 100, lost: 2, samples: 96_000, concealed: 960, sent: 120, sentLost: 0.02, energy: 0.5, signs: 730, quietMs: null,
    }); // prettier-ignore
  });

  it("of Firefox, which marks the pair itself, finds it too", () => {
    const firefox = [{ type: "candidate-pair", id: "a", currentRoundTripTime: 1 }, { type: "candidate-pair", id: "b", selected: true, currentRoundTripTime: 0.05 }];
    expect(sampleOf(firefox, 0).rttMs).toBe(50);
  });

  it("says for how long no sound has come, where the browser says it", () => {
    const inbound = { type: "inbound-rtp", kind: "audio", timestamp: 1_000_250, lastPacketReceivedTimestamp: 1_000_210 };
    expect(sampleOf([inbound], 0).quietMs).toBe(40);
  });

  it("of nothing is nothing", () => {
    expect(sampleOf([], 0)).toMatchObject({ rttMs: null, jitterMs: null, received: 0, sent: 0 });
    expect(sampleOf([null, 3, "x", {}], 0)).toMatchObject({ rttMs: null });
  });
});

describe("a digest", () => {
  it("is what happened between two samples", () => {
    const before = sampleOf(entries(), 0);
    const later = sampleOf(entries({ packetsReceived: 350, packetsLost: 12, totalSamplesReceived: 336_000, concealedSamples: 13_000 }), 5_000);
    expect(digest(before, later)).toEqual({ intervalMs: 5_000, rttMs: 30.1, jitterMs: 4.2, received: 250, lost: 10, concealed: 0.05, sent: 0, sentLost: 0.02 });
  });

  it("begins anew with a new peer, whose totals are smaller", () => {
    const before = sampleOf(entries({ packetsReceived: 9_000 }), 0);
    expect(digest(before, sampleOf(entries(), 5_000))).toMatchObject({ intervalMs: 0, received: 100 });
  });

  it("has no losses below nothing, though late packets lower the total", () => {
    const before = sampleOf(entries({ packetsLost: 5 }), 0);
    expect(digest(before, sampleOf(entries({ packetsReceived: 101, packetsLost: 3 }), 9)).lost).toBe(0);
  });
});

describe("the quality in a word", () => {
  const stats = { intervalMs: 5_000, rttMs: 40, jitterMs: 3, received: 250, lost: 0, concealed: 0, sent: 250, sentLost: 0 };
  it.each([
    ["good", stats],
    ["fair", { ...stats, concealed: 0.03 }],
    ["fair", { ...stats, rttMs: 400 }],
    ["poor", { ...stats, concealed: 0.1 }],
    ["poor", { ...stats, sentLost: 0.2 }],
    ["unknown", { ...stats, received: 0, sent: 0 }],
    ["unknown", null],
  ] as const)("%s", (word, value) => expect(qualityOf(value)).toBe(word));
});
