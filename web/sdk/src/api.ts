/**
 * The HTTP calls that a candidate's page makes.
 *
 * Is: one function a call, answers parsed from `unknown`. Isn't: retry policy for calls that the person can repeat by a button.
 */

import { ApiError, Http } from "./http.js";
import type { ApiOptions } from "./http.js";
import { isRecord, number, string } from "./wire.js";
import { endReasonOf } from "./wire.js";
import type { EndReason, Fields, Speaker } from "./wire.js";
import type { Caption } from "./captions.js";

export interface Redeemed {
  readonly accessToken: string;
  readonly invitationId: string;
  readonly expiresAt: string | null;
}

export interface SessionInfo {
  readonly sessionId: string;
  /** Where the relay that holds this interview lives; null: where the page came from. */
  readonly relayUrl: string | null;
  readonly position: {
    readonly id: string;
    readonly title: string;
    readonly description: string;
    /** Longest length of the interview; null where the answer does not say. */
    readonly maxMinutes: number | null;
    /** BCP 47; null where the answer does not say. */
    readonly language: string | null;
  };
  readonly company: { readonly id: string; readonly name: string };
}

export interface SessionStatus {
  readonly status: string;
  readonly over: boolean;
  /** Why it ended; null while it has not, or where the relay does not say. */
  readonly endReason: EndReason | null;
}

/** One entry of the record. */
export interface TranscriptEntry extends Caption {
  /** Cut off by the other's voice: `text` is what was heard of it. */
  readonly interrupted: boolean;
  /** Spoken, but not written down: `text` is empty. */
  readonly missing: boolean;
}

export class Api {
  readonly #http: Http;

  constructor(options: ApiOptions = {}) {
    this.#http = new Http(options);
  }

  /** An invitation's token for an access token. 404: unknown. 410: expired, withdrawn or over. */
  async redeem(token: string): Promise<Redeemed> {
    const body = await this.#post("/api/invitations/redeem", null, { token });
    return {
      accessToken: need(string(body["access_token"]), "access_token"),
      invitationId: need(string(body["invitation_id"]), "invitation_id"),
      expiresAt: string(body["expires_at"]),
    };
  }

  /** The session of an invitation; asked again while it is not over, the same one. */
  async createSession(accessToken: string, invitationId: string): Promise<SessionInfo> {
    const body = await this.#post("/api/sessions", accessToken, { invitation_id: invitationId });
    const position = isRecord(body["position"]) ? body["position"] : {};
    const company = isRecord(body["company"]) ? body["company"] : {};
    return {
      sessionId: need(string(body["session_id"]), "session_id"),
      relayUrl: string(body["fly_app_url"]),
      position: {
        id: string(position["id"]) ?? "",
        title: string(position["title"]) ?? "",
        description: string(position["description"]) ?? "",
        maxMinutes: number(position["max_minutes"]),
        language: string(position["language"]),
      },
      company: { id: string(company["id"]) ?? "", name: string(company["name"]) ?? "" },
    };
  }

  /** Stores what the candidate agreed to. False: this relay keeps no consent yet (404). */
  async consent(accessToken: string, sessionId: string, version: string, given: boolean): Promise<boolean> {
    try {
      await this.#post(`/api/sessions/${encodeURIComponent(sessionId)}/consent`, accessToken, { version, given });
      return true;
    } catch (error) {
      if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return false;
      throw error;
    }
  }

  async session(accessToken: string, sessionId: string): Promise<SessionStatus> {
    const body = await this.#http.call("GET", `/api/sessions/${encodeURIComponent(sessionId)}`, accessToken, null);
    const status = string(body["status"]) ?? string(body["state"]) ?? "unknown";
    return { status, over: status === "completed" || status === "failed", endReason: endReasonOf(body["end_reason"]) };
  }

  /** What has been said so far, in the order of the conversation. */
  async transcript(accessToken: string, sessionId: string): Promise<readonly TranscriptEntry[]> {
    const body = await this.#http.call("GET", `/api/sessions/${encodeURIComponent(sessionId)}/transcript`, accessToken, null);
    const entries = Array.isArray(body["entries"]) ? (body["entries"] as readonly unknown[]) : [];
    return entries.flatMap((entry, index) => {
      if (!isRecord(entry)) return [];
      const whole = string(entry["text"]);
      const speaker = speakerOf(entry["speaker"]);
      if (whole === null || speaker === null) return [];
      const interrupted = entry["interrupted"] === true;
      const text = (interrupted ? string(entry["heard_text"]) : null) ?? whole;
      const itemId = string(entry["item_id"]) ?? string(entry["id"]) ?? `entry-${index}`;
      return [
        {
          itemId,
          speaker,
          text,
          final: true,
          at: string(entry["start_time"]) ?? "",
          previousItemId: undefined,
          interrupted,
          missing: text === "" && string(entry["gap"]) !== null,
        },
      ];
    });
  }

  /** Ends the interview; asked again, the same answer. */
  async complete(accessToken: string, sessionId: string): Promise<void> {
    await this.#post(`/api/sessions/${encodeURIComponent(sessionId)}/complete`, accessToken, {});
  }

  #post(path: string, accessToken: string | null, body: object): Promise<Fields> {
    return this.#http.call("POST", path, accessToken, body);
  }
}

function speakerOf(value: unknown): Speaker | null {
  return value === "ai" || value === "candidate" ? value : null;
}

function need(value: string | null, name: string): string {
  if (value === null) throw new ApiError(502, `the answer lacks ${name}`);
  return value;
}
