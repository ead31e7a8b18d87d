/**
 * Who is signed in on this browser: asked for by a link, kept by a refresh token, renewed before it ends.
 *
 * Is: the steps and what is kept for them. Isn't: what they look like (`SignIn.tsx`).
 * Law: the access token is in memory alone; what is kept on the browser is good once, or good with a letter alone. Of several calls
 * that need a new token at once, one asks.
 */

import { ApiError, isRecord, string } from "@vivavoce/sdk";
import type { Fields, Http } from "@vivavoce/sdk";

/** A token is renewed where less than this is left of it, in ms. */
const LEFT_MS_MIN = 60_000;

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly role: string;
}

export interface SignedIn {
  readonly tenantId: string;
  readonly tenants: readonly Tenant[];
}

export type AccountState =
  /** It is being found out. */
  | { readonly is: "opening" }
  | { readonly is: "out" }
  /** A letter is on its way, if there is such an account. */
  | { readonly is: "asked"; readonly email: string }
  | { readonly is: "in"; readonly who: SignedIn };

export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface AccountPorts {
  readonly http: Pick<Http, "call">;
  /** What outlives the tab; null where the browser keeps nothing. */
  readonly shelf: Shelf | null;
  readonly now: () => number;
}

const REFRESH = "vivavoce.recruiter.refresh";
const TENANT = "vivavoce.recruiter.tenant";
const BROWSER = "vivavoce.recruiter.browser";

interface Access {
  readonly token: string;
  readonly endsAt: number;
}

export class Account {
  readonly #ports: AccountPorts;
  readonly #listeners = new Set<() => void>();
  #state: AccountState = { is: "opening" };
  #access: Access | null = null;
  #renewing: Promise<string> | null = null;

  constructor(ports: AccountPorts) {
    this.#ports = ports;
  }

  readonly current = (): AccountState => this.#state;

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  };

  /** Finds out whether this browser is signed in. Throws what is no answer to that. */
  async open(): Promise<void> {
    if (this.#keptRefresh() === null) {
      this.#become({ is: "out" });
      return;
    }
    try {
      await this.bearer();
    } catch (error) {
      if (!isOver(error)) throw error;
    }
  }

  /** Asks for a letter with a link. */
  async ask(email: string): Promise<void> {
    const answer = await this.#ports.http.call("POST", "/api/auth/magic-link", null, { email });
    this.#keep(BROWSER, string(answer["browser_key"]));
    this.#become({ is: "asked", email });
  }

  /** The link of a letter was opened. 410: not good any more, or asked for in another browser. */
  async redeem(token: string): Promise<void> {
    const browserKey = this.#kept(BROWSER) ?? "";
    const answer = await this.#ports.http.call("POST", "/api/auth/verify", null, { token, browser_key: browserKey });
    this.#keep(BROWSER, null);
    this.#take(answer);
  }

  /** A good access token. */
  async bearer(): Promise<string> {
    const access = this.#access;
    if (access !== null && access.endsAt - this.#ports.now() > LEFT_MS_MIN) return access.token;
    this.#renewing ??= this.#renew(this.#kept(TENANT)).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** From here on for another of one's tenants. */
  async turnTo(tenantId: string): Promise<void> {
    this.#access = null;
    await this.#renew(tenantId);
  }

  async signOut(): Promise<void> {
    const refresh = this.#keptRefresh();
    this.#end();
    if (refresh !== null) await this.#ports.http.call("POST", "/api/auth/sign-out", null, { refresh_token: refresh });
  }

  async #renew(tenantId: string | null): Promise<string> {
    const refresh = this.#keptRefresh();
    if (refresh === null) {
      this.#end();
      throw new ApiError(401, "signed out");
    }
    try {
      const wanted = { refresh_token: refresh, ...(tenantId !== null ? { tenant_id: tenantId } : {}) };
      return this.#take(await this.#ports.http.call("POST", "/api/auth/refresh", null, wanted));
    } catch (error) {
      if (isOver(error)) this.#end();
      throw error;
    }
  }

  #take(answer: Fields): string {
    const token = string(answer["access_token"]);
    const refresh = string(answer["refresh_token"]);
    const tenantId = string(answer["tenant_id"]);
    if (token === null || refresh === null || tenantId === null) throw new ApiError(502, "the answer lacks a token");
    this.#keep(REFRESH, refresh);
    this.#keep(TENANT, tenantId);
    this.#access = { token, endsAt: Date.parse(string(answer["expires_at"]) ?? "") };
    this.#become({ is: "in", who: { tenantId, tenants: tenantsOf(answer["tenants"]) } });
    return token;
  }

  #end(): void {
    this.#access = null;
    this.#keep(REFRESH, null);
    this.#keep(TENANT, null);
    this.#become({ is: "out" });
  }

  #keptRefresh(): string | null {
    return this.#kept(REFRESH);
  }

  #kept(key: string): string | null {
    try {
      return this.#ports.shelf?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  #keep(key: string, value: string | null): void {
    try {
      if (value === null) this.#ports.shelf?.removeItem(key);
      else this.#ports.shelf?.setItem(key, value);
    } catch {
      // A private window may refuse: then one signs in anew after a reload.
    }
  }

  #become(state: AccountState): void {
    this.#state = state;
    for (const changed of this.#listeners) changed();
  }
}

/** Whoever asks has to sign in anew; anything else may pass. */
function isOver(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}

function tenantsOf(value: unknown): readonly Tenant[] {
  const all = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return all.flatMap((one) => {
    if (!isRecord(one)) return [];
    const id = string(one["id"]);
    return id === null ? [] : [{ id, name: string(one["name"]) ?? "", role: string(one["role"]) ?? "" }];
  });
}
