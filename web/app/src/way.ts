/**
 * The candidate's way: which page stands before them, and what takes them to the next.
 *
 * Is: a store outside the view, its outside injected. Isn't: markup.
 * Law: one step at a time; a reload finds the same step; the invitation's token leaves the address as soon as it is spent.
 */

import { ApiError } from "@vivavoce/sdk";
import type { Api, Interview, InterviewEvents } from "@vivavoce/sdk";
import { recall, remember } from "./tab.js";
import type { Place, TabStorage, Visit } from "./tab.js";

/** A relay that has not said by then how the interview stands is not waited for: its socket says what matters. In ms. */
export const STATUS_MS_MAX = 3_000;

/** Between two quiet tries to open an invitation whose host is away, in ms. */
export const QUIET_MS = 4_000;

/** A microphone that needs no question is there by then, and no page comes and goes before the talk. In ms. */
export const UNASKED_MS_MAX = 1_500;

/** The version of the words in `pages/Invitation.tsx` that were agreed to. */
export const CONSENT_VERSION = "2026-11-1";

export type Way =
  | { readonly is: "opening" }
  | { readonly is: "invitation"; readonly visit: Visit }
  | { readonly is: "declined"; readonly visit: Visit }
  | { readonly is: "check"; readonly visit: Visit }
  /** After a reload in the middle, where the browser wants a press before it gives the microphone. */
  | { readonly is: "return"; readonly visit: Visit }
  | { readonly is: "talk"; readonly visit: Visit; readonly interview: Interview }
  | { readonly is: "closing"; readonly visit: Visit; readonly ended: InterviewEvents["ended"] }
  | { readonly is: "problem"; readonly error: Pick<ApiError, "status">; readonly again: (() => void) | null };

export interface Outside {
  readonly api: Pick<Api, "redeem" | "createSession" | "consent" | "session">;
  readonly storage: TabStorage | null;
  /** Puts another address in the bar without loading it. */
  replaceAddress(path: string): void;
  makeInterview(visit: Visit): Interview;
  /** Resolves after so long, in ms. */
  after(ms: number): Promise<void>;
  /** Gives the microphone if that needs no question; else null. */
  microphoneUnasked(): Promise<MediaStream | null>;
}

export class CandidateWay {
  readonly #outside: Outside;
  readonly #changed = new Set<() => void>();
  #way: Way = { is: "opening" };

  constructor(outside: Outside) {
    this.#outside = outside;
  }

  readonly current = (): Way => this.#way;

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#changed.add(changed);
    return () => this.#changed.delete(changed);
  };

  /** `/interview/join?token=…` */
  async openInvitation(token: string): Promise<void> {
    this.#go({ is: "opening" });
    const again = () => void this.openInvitation(token);
    for (;;) {
      const at = this.#way;
      try {
        await this.#redeem(token, at);
        return;
      } catch (error) {
        if (this.#way !== at) return;
        // Said once: a page that says the same again and again is read aloud each time.
        if (at.is === "opening" || !isAway(error)) this.#fail(error, again);
        if (!isAway(error)) return;
      }
      const said = this.#way;
      await this.#outside.after(QUIET_MS);
      if (this.#way !== said) return;
    }
  }

  /** Unless the page has gone elsewhere meanwhile. */
  async #redeem(token: string, at: Way): Promise<void> {
    if (token === "") throw new ApiError(404, "no token");
    const redeemed = await this.#outside.api.redeem(token);
    const session = await this.#outside.api.createSession(redeemed.accessToken, redeemed.invitationId);
    if (this.#way !== at) return;
    const visit: Visit = { accessToken: redeemed.accessToken, session, expiresAt: redeemed.expiresAt };
    this.#outside.replaceAddress(`/interview/${encodeURIComponent(session.sessionId)}`);
    // The same link opened again in this tab goes on where it was.
    const known = recall(this.#outside.storage, session.sessionId);
    await this.#arrive(visit, known?.place ?? "invitation");
  }

  /** `/interview/{sessionId}` */
  async openSession(sessionId: string): Promise<void> {
    this.#go({ is: "opening" });
    const known = recall(this.#outside.storage, sessionId);
    if (known === null) {
      this.#go({ is: "problem", error: { status: 401 }, again: null });
      return;
    }
    const { visit, place } = known;
    try {
      // What this tab remembers is enough to go on with.
      const status = await Promise.race([this.#outside.api.session(visit.accessToken, sessionId), this.#outside.after(STATUS_MS_MAX).then(() => null)]);
      if (status?.over === true) {
        this.#close(visit, { reason: status.endReason ?? (status.status === "failed" ? "failed" : "unknown"), summaryPending: false });
        return;
      }
    } catch (error) {
      // A relay that cannot say is no reason to stop, but one that will not have us is.
      if (error instanceof ApiError && [401, 403, 404, 410].includes(error.status)) {
        this.#fail(error, null);
        return;
      }
    }
    await this.#arrive(visit, place);
  }

  async begin(): Promise<void> {
    if (this.#way.is !== "invitation" && this.#way.is !== "declined") return;
    const { visit } = this.#way;
    try {
      await this.#outside.api.consent(visit.accessToken, visit.session.sessionId, CONSENT_VERSION, true);
      this.#step({ is: "check", visit });
    } catch (error) {
      this.#fail(error, () => this.#step({ is: "invitation", visit }));
    }
  }

  decline(): void {
    if (this.#way.is === "invitation") this.#step({ is: "declined", visit: this.#way.visit });
  }

  /** With a microphone, or with null to listen and type. */
  join(microphone: MediaStream | null): void {
    if (this.#way.is === "check" || this.#way.is === "return") this.#join(this.#way.visit, microphone);
  }

  #join(visit: Visit, microphone: MediaStream | null): void {
    const interview = this.#outside.makeInterview(visit);
    interview.on("ended", (ended) => this.#close(visit, ended));
    this.#step({ is: "talk", visit, interview });
    interview.join(microphone);
  }

  async #arrive(visit: Visit, place: Place): Promise<void> {
    if (place !== "talk") {
      this.#step({ is: place, visit });
      return;
    }
    const asked = this.#outside.microphoneUnasked();
    let at = this.#way;
    const inTime = await Promise.race([asked, this.#outside.after(UNASKED_MS_MAX).then(() => null)]);
    if (inTime === null && this.#way === at) {
      this.#step({ is: "return", visit });
      at = this.#way;
    }
    const microphone = await asked;
    if (microphone === null) return;
    if (this.#way === at) this.#join(visit, microphone);
    else for (const track of microphone.getTracks()) track.stop(); // They have pressed, or gone elsewhere, meanwhile.
  }

  #step(way: Exclude<Way, { is: "opening" | "closing" | "problem" }>): void {
    const place: Place = way.is === "check" ? "check" : way.is === "talk" || way.is === "return" ? "talk" : "invitation";
    remember(this.#outside.storage, { visit: way.visit, place });
    this.#go(way);
  }

  #close(visit: Visit, ended: InterviewEvents["ended"]): void {
    this.#go({ is: "closing", visit, ended });
  }

  #fail(error: unknown, again: (() => void) | null): void {
    const status = error instanceof ApiError ? error.status : 500;
    this.#go({ is: "problem", error: { status }, again });
  }

  #go(way: Way): void {
    this.#way = way;
    for (const changed of this.#changed) changed();
  }
}

/** Nobody answered, or somebody in between did: it may be there a moment later. */
function isAway(error: unknown): boolean {
  return error instanceof ApiError && [0, 502, 503, 504].includes(error.status);
}
