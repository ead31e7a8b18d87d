/**
 * The HTTP calls that a recruiter's pages make, answers parsed from `unknown`.
 *
 * Law: whoever is signed in says who calls (`account.ts`); what is made is made once, however often it is asked: each press of a
 * button has a key of its own.
 */

import { ApiError, isRecord, number, string } from "@vivavoce/sdk";
import type { Fields, Http } from "@vivavoce/sdk";

export interface Question {
  readonly question: string;
  readonly followUps: readonly string[];
  /** How long a thinker may be silent, in s. */
  readonly patienceS: number;
  readonly rubric: string;
}

/** A position as it is written; `id` where it is there already. */
export interface PositionDraft {
  readonly title: string;
  readonly description: string;
  readonly language: string;
  readonly voice: string;
  readonly maxMinutes: number;
  readonly plan: readonly Question[];
  readonly instructions: string;
}

export interface Position extends PositionDraft {
  readonly id: string;
}

export interface CandidateDraft {
  readonly name: string;
  readonly email: string;
}

export interface Candidate extends CandidateDraft {
  readonly id: string;
}

export type Standing = "open" | "expired" | "revoked" | "over";

export interface Invitation {
  readonly id: string;
  readonly candidateId: string;
  readonly positionId: string;
  readonly standing: Standing;
  readonly expiresAt: string;
}

/** Told once: the link is kept by nobody. */
export interface NewInvitation {
  readonly id: string;
  readonly url: string;
  readonly mailed: boolean;
  readonly expiresAt: string;
}

export interface InterviewRow {
  readonly id: string;
  readonly candidateId: string;
  readonly positionId: string;
  readonly status: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly endReason: string | null;
  readonly technicalFailure: string | null;
  readonly entries: number;
}

export interface Line {
  readonly id: string;
  readonly speaker: "ai" | "candidate";
  readonly text: string;
  readonly at: string;
  readonly interrupted: boolean;
  readonly missing: boolean;
}

/** A page of a list, and what leads to the next. */
export interface Paged<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export class DeskApi {
  readonly #http: Pick<Http, "call">;
  readonly #bearer: () => Promise<string>;

  constructor(http: Pick<Http, "call">, bearer: () => Promise<string>) {
    this.#http = http;
    this.#bearer = bearer;
  }

  positions(after: string | null): Promise<Paged<Position>> {
    return this.#list("positions", after, positionOf);
  }

  async position(id: string): Promise<Position> {
    return needed(positionOf(await this.#call("GET", `positions/${encodeURIComponent(id)}`, null)));
  }

  async makePosition(draft: PositionDraft, key: string): Promise<Position> {
    return needed(positionOf(await this.#call("POST", "positions", wired(draft), key)));
  }

  async changePosition(id: string, draft: PositionDraft): Promise<Position> {
    return needed(positionOf(await this.#call("PATCH", `positions/${encodeURIComponent(id)}`, wired(draft))));
  }

  candidates(after: string | null): Promise<Paged<Candidate>> {
    return this.#list("candidates", after, candidateOf);
  }

  async candidate(id: string): Promise<Candidate> {
    return needed(candidateOf(await this.#call("GET", `candidates/${encodeURIComponent(id)}`, null)));
  }

  async makeCandidate(draft: CandidateDraft, key: string): Promise<Candidate> {
    return needed(candidateOf(await this.#call("POST", "candidates", draft, key)));
  }

  async changeCandidate(id: string, draft: CandidateDraft): Promise<Candidate> {
    return needed(candidateOf(await this.#call("PATCH", `candidates/${encodeURIComponent(id)}`, draft)));
  }

  invitations(after: string | null): Promise<Paged<Invitation>> {
    return this.#list("invitations", after, invitationOf);
  }

  async invite(candidateId: string, positionId: string, hours: number, key: string): Promise<NewInvitation> {
    const wanted = { candidate_id: candidateId, position_id: positionId, expiration_hours: hours };
    return needed(newInvitationOf(await this.#call("POST", "invitations", wanted, key)));
  }

  async resend(id: string, key: string): Promise<NewInvitation> {
    return needed(newInvitationOf(await this.#call("POST", `invitations/${encodeURIComponent(id)}/resend`, {}, key)));
  }

  async revoke(id: string): Promise<Invitation> {
    return needed(invitationOf(await this.#call("POST", `invitations/${encodeURIComponent(id)}/revoke`, {})));
  }

  interviews(after: string | null): Promise<Paged<InterviewRow>> {
    return this.#list("sessions", after, interviewOf);
  }

  async interview(id: string): Promise<InterviewRow> {
    return needed(interviewOf(await this.#call("GET", `sessions/${encodeURIComponent(id)}`, null)));
  }

  async transcript(id: string): Promise<readonly Line[]> {
    const answer = await this.#call("GET", `sessions/${encodeURIComponent(id)}/transcript`, null);
    return many(answer["entries"], lineOf);
  }

  async #list<T>(name: string, after: string | null, read: (fields: Fields) => T | null): Promise<Paged<T>> {
    const query = after === null ? "" : `?after=${encodeURIComponent(after)}`;
    const answer = await this.#call("GET", `${name}${query}`, null);
    return { items: many(answer[name], read), next: string(answer["next"]) };
  }

  async #call(method: string, path: string, body: object | null, key?: string): Promise<Fields> {
    const more: Record<string, string> = key === undefined ? {} : { "Idempotency-Key": key };
    return this.#http.call(method, `/api/${path}`, await this.#bearer(), body, more);
  }
}

function wired(draft: PositionDraft): object {
  const { maxMinutes, plan, title, description, language, voice, instructions } = draft;
  return {
    title,
    description,
    language,
    voice,
    instructions,
    max_minutes: maxMinutes,
    plan: plan.map(({ question, followUps, patienceS, rubric }) => ({ question, follow_ups: followUps, patience_s: patienceS, rubric })),
  };
}

function positionOf(fields: Fields): Position | null {
  const id = string(fields["id"]);
  const title = string(fields["title"]);
  if (id === null || title === null) return null;
  return {
    id,
    title,
    description: string(fields["description"]) ?? "",
    language: string(fields["language"]) ?? "en",
    voice: string(fields["voice"]) ?? "",
    maxMinutes: number(fields["max_minutes"]) ?? 30,
    plan: many(fields["plan"], questionOf),
    instructions: string(fields["instructions"]) ?? "",
  };
}

function questionOf(fields: Fields): Question | null {
  const question = string(fields["question"]);
  if (question === null) return null;
  const followUps = Array.isArray(fields["follow_ups"]) ? (fields["follow_ups"] as readonly unknown[]) : [];
  return {
    question,
    followUps: followUps.flatMap((text) => string(text) ?? []),
    patienceS: number(fields["patience_s"]) ?? 8,
    rubric: string(fields["rubric"]) ?? "",
  };
}

function candidateOf(fields: Fields): Candidate | null {
  const [id, name, email] = [string(fields["id"]), string(fields["name"]), string(fields["email"])];
  return id === null || name === null || email === null ? null : { id, name, email };
}

const STANDINGS: readonly Standing[] = ["open", "expired", "revoked", "over"];

function invitationOf(fields: Fields): Invitation | null {
  const [id, candidateId, positionId] = [string(fields["id"]), string(fields["candidate_id"]), string(fields["position_id"])];
  const standing = STANDINGS.find((word) => word === fields["status"]);
  if (id === null || candidateId === null || positionId === null || standing === undefined) return null;
  return { id, candidateId, positionId, standing, expiresAt: string(fields["expires_at"]) ?? "" };
}

function newInvitationOf(fields: Fields): NewInvitation | null {
  const [id, url] = [string(fields["id"]), string(fields["invitation_url"])];
  if (id === null || url === null) return null;
  return { id, url, mailed: fields["mailed"] === true, expiresAt: string(fields["expires_at"]) ?? "" };
}

function interviewOf(fields: Fields): InterviewRow | null {
  const [id, candidateId, positionId] = [string(fields["session_id"]), string(fields["candidate_id"]), string(fields["position_id"])];
  if (id === null || candidateId === null || positionId === null) return null;
  return {
    id,
    candidateId,
    positionId,
    status: string(fields["status"]) ?? "",
    createdAt: string(fields["created_at"]) ?? "",
    startedAt: string(fields["started_at"]),
    endedAt: string(fields["ended_at"]),
    endReason: string(fields["end_reason"]),
    technicalFailure: string(fields["technical_failure"]),
    entries: number(fields["transcript_entries"]) ?? 0,
  };
}

function lineOf(fields: Fields): Line | null {
  const [id, whole, speaker] = [string(fields["id"]), string(fields["text"]), fields["speaker"]];
  if (id === null || whole === null || (speaker !== "ai" && speaker !== "candidate")) return null;
  const interrupted = fields["interrupted"] === true;
  const text = (interrupted ? string(fields["heard_text"]) : null) ?? whole;
  return { id, speaker, text, at: string(fields["start_time"]) ?? "", interrupted, missing: text === "" && string(fields["gap"]) !== null };
}

function many<T>(value: unknown, read: (fields: Fields) => T | null): readonly T[] {
  const all = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return all.flatMap((one) => (isRecord(one) ? (read(one) ?? []) : []));
}

function needed<T>(value: T | null): T {
  if (value === null) throw new ApiError(502, "the answer is not what it should be");
  return value;
}
