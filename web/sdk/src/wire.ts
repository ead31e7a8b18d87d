/**
 * The frames of `vivavoce.v1`, both ways, and the only place where text from the socket becomes a type.
 *
 * Is: types, a parser that trusts nothing. Isn't: state, or a judgement of what a frame means.
 * Law: what is unknown (a type, a field, a word in a union) is ignored, never fatal; a newer relay must not break an
 * older page.
 */

/** The WebSocket subprotocol that the relay insists on. */
export const SUBPROTOCOL = "vivavoce.v1";

/** Why the relay closed the socket: RFC 6455 leaves 4000 to 4999 to the application. */
export const CLOSE = {
  /** No hello in time, or its token is not good. */
  unauthorized: 4401,
  /** No such session for this caller. */
  notYours: 4404,
  /** Another tab or device said hello after us. */
  superseded: 4409,
  /** Too many frames or sockets: come back later. */
  tooMuch: 4429,
} as const;

/** With `unauthorized`: no hello came, whatever became of it. */
export const NO_HELLO = "no hello in time";

/** What the whole interview is doing, as the relay sees it. */
export type ServerSession = "waiting" | "connecting" | "live" | "ending" | "completed" | "failed";
/** One of the two media legs, as the relay sees it. */
export type ServerLeg = "none" | "connecting" | "up" | "lost" | "gone";
/** Whose voice. */
export type Speaker = "ai" | "candidate";
/** Who or what ended the interview. */
export type EndReason = "interviewer" | "candidate" | "recruiter" | "time" | "failed";

/** The relay's view of the interview. `speaking` and `endsAt` are there when it knows them. */
export interface ServerState {
  readonly session: ServerSession;
  readonly candidate: ServerLeg;
  readonly ai: ServerLeg;
  readonly speaking?: Speaker | null;
  /** RFC 3339. */
  readonly endsAt?: string;
}

/** What the page sends. */
export type ClientFrame =
  | { readonly type: "hello"; readonly token: string; readonly sessionId: string; readonly resume?: string; readonly lastSeq?: number; readonly keeps?: boolean; readonly quietMs?: number }
  | { readonly type: "offer"; readonly sdp: string; readonly id: string }
  | { readonly type: "candidate"; readonly candidate: RTCIceCandidateInit | null }
  | { readonly type: "mute"; readonly on: boolean }
  | { readonly type: "say"; readonly text: string; readonly id: string }
  | { readonly type: "end" }
  | ({ readonly type: "stats" } & StatsFrame)
  | { readonly type: "event"; readonly event: Readonly<Record<string, unknown>> };

/** Quality of the candidate leg over the last interval; counts are of that interval, not of the whole call. */
export interface StatsFrame {
  readonly intervalMs: number;
  /** Round trip on the selected candidate pair; null before the first check. */
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  readonly received: number;
  readonly lost: number;
  /** Samples that the browser invented, as a share (0 to 1) of those it played. */
  readonly concealed: number;
  readonly sent: number;
  /** Share (0 to 1) of our packets that the relay reported lost. */
  readonly sentLost: number | null;
}

/** One utterance as it stands. `text` is the whole of it so far, not what is new. */
export interface CaptionFrame {
  readonly type: "caption";
  readonly itemId: string;
  readonly speaker: Speaker;
  readonly text: string;
  readonly final: boolean;
  /** RFC 3339. */
  readonly at: string;
  /** The utterance that this one follows; null for the first; absent where the relay does not say. */
  readonly previousItemId?: string | null;
}

/** How far a stream of ours (by SSRC) has arrived at the relay: an RTP timestamp. */
export interface HeardUpTo {
  readonly stream: number;
  readonly upTo: number;
}

/** The same, told as it grows, with what is wanted now: RTP timestamps from and to; null: to the stream's end. */
export interface AckFrame extends HeardUpTo {
  readonly type: "ack";
  readonly lacks: readonly (readonly [from: number, to: number | null])[];
}

/** What the relay sends, without its sequence number. */
export type ServerFrame =
  | {
      readonly type: "welcome";
      readonly sessionId: string;
      readonly resume: string | null;
      readonly iceServers: readonly RTCIceServer[];
      readonly resumed: boolean;
      readonly state: ServerState;
      readonly heardUpTo: readonly HeardUpTo[];
    }
  | { readonly type: "answer"; readonly sdp: string; readonly id: string }
  | { readonly type: "candidate"; readonly candidate: RTCIceCandidateInit | null }
  | { readonly type: "renegotiate"; readonly iceRestart: boolean; readonly reason: string }
  /** The interview goes on in another process of the relay: its origin. */
  | { readonly type: "moved"; readonly url: string }
  | ({ readonly type: "state" } & ServerState)
  | CaptionFrame
  | AckFrame
  | { readonly type: "notice"; readonly code: string; readonly text: string }
  | { readonly type: "ended"; readonly reason: EndReason; readonly summaryPending: boolean }
  | { readonly type: "error"; readonly code: string; readonly detail: string; readonly fatal: boolean };

/** A frame and its place in the session's order; `seq` is null where the relay left it out. */
export interface Received {
  readonly seq: number | null;
  readonly frame: ServerFrame;
}

/** Text from the socket to a frame; null for what is malformed or not known here. */
export function parseServerFrame(text: string): Received | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  const frame = frameOf(value);
  return frame === null ? null : { seq: number(value["seq"]), frame };
}

function frameOf(o: Fields): ServerFrame | null {
  switch (o["type"]) {
    case "welcome": {
      const sessionId = string(o["sessionId"]);
      const state = stateOf(o["state"]);
      if (sessionId === null || state === null) return null;
      return {
        type: "welcome",
        sessionId,
        resume: string(o["resume"]),
        iceServers: iceServers(o["iceServers"]),
        resumed: o["resumed"] === true,
        state,
        heardUpTo: list(o["heardUpTo"], heardOf),
      };
    }
    case "answer": {
      const sdp = string(o["sdp"]);
      const id = string(o["id"]);
      return sdp === null || id === null ? null : { type: "answer", sdp, id };
    }
    case "candidate":
      return candidateOf(o["candidate"]);
    case "renegotiate":
      return { type: "renegotiate", iceRestart: o["iceRestart"] === true, reason: string(o["reason"]) ?? "" };
    case "moved": {
      const url = originOf(o["url"]);
      return url === null ? null : { type: "moved", url };
    }
    case "state": {
      const state = stateOf(o);
      return state === null ? null : { type: "state", ...state };
    }
    case "caption":
      return captionOf(o);
    case "ack": {
      const heard = heardOf(o);
      return heard === null ? null : { type: "ack", ...heard, lacks: list(o["lacks"], lackOf) };
    }
    case "notice": {
      const code = string(o["code"]);
      return code === null ? null : { type: "notice", code, text: string(o["text"]) ?? "" };
    }
    case "ended": {
      // A reason that is not known here still ended it: the page must not go on waiting.
      const reason = endReasonOf(o["reason"]) ?? "failed";
      return { type: "ended", reason, summaryPending: o["summaryPending"] === true };
    }
    case "error":
      return { type: "error", code: string(o["code"]) ?? "unknown", detail: string(o["detail"]) ?? "", fatal: o["fatal"] === true };
    default:
      return null;
  }
}

const SESSIONS = ["waiting", "connecting", "live", "ending", "completed", "failed"] as const;
const LEGS = ["none", "connecting", "up", "lost", "gone"] as const;
const SPEAKERS = ["ai", "candidate"] as const;
const END_REASONS = ["interviewer", "candidate", "recruiter", "time", "failed"] as const;

export function endReasonOf(value: unknown): EndReason | null {
  return oneOf(value, END_REASONS);
}

function originOf(value: unknown): string | null {
  const text = string(value);
  if (text === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === "https:" || url.protocol === "http:" ? url.origin : null;
}

function stateOf(value: unknown): ServerState | null {
  if (!isRecord(value)) return null;
  const session = oneOf(value["session"], SESSIONS);
  const candidate = oneOf(value["candidate"], LEGS);
  const ai = oneOf(value["ai"], LEGS);
  if (session === null || candidate === null || ai === null) return null;
  const speaking = value["speaking"] === null ? null : oneOf(value["speaking"], SPEAKERS);
  const endsAt = string(value["endsAt"]);
  return {
    session,
    candidate,
    ai,
    ...("speaking" in value ? { speaking } : {}),
    ...(endsAt !== null && !Number.isNaN(Date.parse(endsAt)) ? { endsAt } : {}),
  };
}

function captionOf(o: Fields): CaptionFrame | null {
  const itemId = string(o["itemId"]);
  const speaker = oneOf(o["speaker"], SPEAKERS);
  const text = string(o["text"]);
  if (itemId === null || speaker === null || text === null) return null;
  const previous = o["previousItemId"];
  return {
    type: "caption",
    itemId,
    speaker,
    text,
    final: o["final"] === true,
    at: string(o["at"]) ?? "",
    ...(previous === null || typeof previous === "string" ? { previousItemId: previous } : {}),
  };
}

function candidateOf(value: unknown): ServerFrame | null {
  if (value === null || value === undefined) return { type: "candidate", candidate: null };
  if (!isRecord(value)) return null;
  const candidate = string(value["candidate"]);
  if (candidate === null) return null;
  const sdpMid = string(value["sdpMid"]);
  const sdpMLineIndex = number(value["sdpMLineIndex"]);
  const usernameFragment = string(value["usernameFragment"]);
  return {
    type: "candidate",
    candidate: {
      candidate,
      // One audio section is all there is: a relay that leaves both out means it.
      ...(sdpMid !== null ? { sdpMid } : sdpMLineIndex === null ? { sdpMLineIndex: 0 } : {}),
      ...(sdpMLineIndex !== null ? { sdpMLineIndex } : {}),
      ...(usernameFragment !== null ? { usernameFragment } : {}),
    },
  };
}

function heardOf(value: unknown): HeardUpTo | null {
  if (!isRecord(value)) return null;
  const stream = number(value["stream"]);
  const upTo = number(value["upTo"]);
  return stream === null || upTo === null ? null : { stream, upTo };
}

function lackOf(value: unknown): [number, number | null] | null {
  if (!Array.isArray(value)) return null;
  const from = number(value[0]);
  return from === null ? null : [from, number(value[1])];
}

/** Those that can be read; none where it is no list. */
function list<T>(value: unknown, read: (value: unknown) => T | null): T[] {
  return Array.isArray(value) ? (value as readonly unknown[]).map(read).filter((each) => each !== null) : [];
}

function iceServers(value: unknown): RTCIceServer[] {
  if (!Array.isArray(value)) return [];
  const servers: RTCIceServer[] = [];
  for (const entry of value as readonly unknown[]) {
    if (!isRecord(entry)) continue;
    const urls = entry["urls"];
    const list = typeof urls === "string" ? [urls] : Array.isArray(urls) ? urls.filter((u): u is string => typeof u === "string") : [];
    if (list.length === 0) continue;
    const username = string(entry["username"]);
    const credential = string(entry["credential"]);
    servers.push({ urls: list, ...(username !== null ? { username } : {}), ...(credential !== null ? { credential } : {}) });
  }
  return servers;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function string(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function oneOf<T extends string>(value: unknown, words: readonly T[]): T | null {
  return words.find((word) => word === value) ?? null;
}
