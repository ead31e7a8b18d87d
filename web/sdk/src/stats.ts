/**
 * A `getStats` report boiled down to what tells whether a person can be heard.
 *
 * Is: a pure reading of one report, and the difference of two. Isn't: a timer (`interview.ts`).
 */

import { isRecord, number, string } from "./wire.js";
import type { StatsFrame } from "./wire.js";

/** Totals since the peer was made. */
export interface Sample {
  readonly at: number;
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  readonly received: number;
  readonly lost: number;
  readonly samples: number;
  readonly concealed: number;
  readonly sent: number;
  readonly sentLost: number | null;
  /** Integral of the square of the level that was played, so that sound can be told from silence. */
  readonly energy: number;
  /** Rises with all that comes from the relay, sound, reports and checks alike: when it stands still, the network is away. */
  readonly signs: number;
  /** For how long no sound has come, in ms; null: a browser that does not say, or none has come yet. */
  readonly quietMs: number | null;
}

/** Anything that lists stats objects: an `RTCStatsReport`, or an array in a test. */
export interface Report {
  forEach(each: (entry: unknown) => void): void;
}

export function sampleOf(report: Report, now: number): Sample {
  const entries: Readonly<Record<string, unknown>>[] = [];
  report.forEach((entry) => {
    if (isRecord(entry)) entries.push(entry);
  });
  const find = (type: string) => entries.find((e) => e["type"] === type && (e["kind"] === undefined || e["kind"] === "audio"));
  const transport = find("transport");
  const selected = string(transport?.["selectedCandidatePairId"]);
  const pairs = entries.filter((e) => e["type"] === "candidate-pair");
  const pair =
    pairs.find((e) => selected !== null && e["id"] === selected) ??
    pairs.find((e) => e["selected"] === true) ??
    pairs.find((e) => e["nominated"] === true && e["state"] === "succeeded");
  const inbound = find("inbound-rtp");
  const outbound = find("outbound-rtp");
  const remote = find("remote-inbound-rtp");
  return {
    at: now,
    rttMs: ms(number(pair?.["currentRoundTripTime"])),
    jitterMs: ms(number(inbound?.["jitter"])),
    received: number(inbound?.["packetsReceived"]) ?? 0,
    lost: number(inbound?.["packetsLost"]) ?? 0,
    samples: number(inbound?.["totalSamplesReceived"]) ?? 0,
    concealed: Math.max(0, (number(inbound?.["concealedSamples"]) ?? 0) - (number(inbound?.["silentConcealedSamples"]) ?? 0)),
    sent: number(outbound?.["packetsSent"]) ?? 0,
    sentLost: number(remote?.["fractionLost"]),
    energy: number(inbound?.["totalAudioEnergy"]) ?? 0,
    signs: ["bytesReceived", "responsesReceived", "requestsReceived"].reduce((sum, key) => sum + total(pairs, key), number(transport?.["bytesReceived"]) ?? 0),
    quietMs: since(number(inbound?.["lastPacketReceivedTimestamp"]), number(inbound?.["timestamp"])),
  };
}

/** What happened between two samples of one peer. */
export function digest(before: Sample | null, after: Sample): StatsFrame {
  // Totals that fell belong to another peer: begin anew.
  const from = before !== null && before.received <= after.received && before.sent <= after.sent ? before : null;
  const samples = after.samples - (from?.samples ?? 0);
  const concealed = after.concealed - (from?.concealed ?? 0);
  return {
    intervalMs: from === null ? 0 : Math.round(after.at - from.at),
    rttMs: after.rttMs,
    jitterMs: after.jitterMs,
    received: after.received - (from?.received ?? 0),
    lost: Math.max(0, after.lost - (from?.lost ?? 0)),
    concealed: samples > 0 ? round(Math.min(1, Math.max(0, concealed / samples)), 4) : 0,
    sent: after.sent - (from?.sent ?? 0),
    sentLost: after.sentLost === null ? null : round(after.sentLost, 4),
  };
}

export type Quality = "unknown" | "good" | "fair" | "poor";

/** In words that a person would use. Concealed: 3 % can be heard, 10 % is barely intelligible. */
export function qualityOf(stats: StatsFrame | null): Quality {
  if (stats === null || stats.received + stats.sent === 0) return "unknown";
  const loss = Math.max(stats.concealed, stats.sentLost ?? 0);
  if (loss >= 0.1 || (stats.rttMs ?? 0) >= 800) return "poor";
  if (loss >= 0.03 || (stats.rttMs ?? 0) >= 350) return "fair";
  return "good";
}

function total(entries: readonly Readonly<Record<string, unknown>>[], key: string): number {
  return entries.reduce((sum, entry) => sum + (number(entry[key]) ?? 0), 0);
}

function ms(seconds: number | null): number | null {
  return seconds === null ? null : round(seconds * 1_000, 1);
}

function round(value: number, digits: number): number {
  const by = 10 ** digits;
  return Math.round(value * by) / by;
}

function since(then: number | null, now: number | null): number | null {
  return then === null || now === null ? null : Math.max(0, now - then);
}
