/**
 * One HTTP call: JSON out, JSON in, problems (RFC 9457) as a type.
 *
 * Law: a call ends within `timeoutMs`; a token never stands in an address.
 */

import { isRecord, string } from "./wire.js";
import type { Fields } from "./wire.js";

/** One field that is not valid. */
export interface Invalid {
  /** JSON pointer into the body. */
  readonly pointer: string;
  readonly detail: string;
}

/** Why a call came to nothing. `status` 0: no answer at all. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** The problem's `type`, a page that helps; null where there was none. */
  readonly type: string | null;
  readonly detail: string;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | null;
  /** Field by field, for 422. */
  readonly invalid: readonly Invalid[];

  constructor(
    status: number,
    title: string,
    rest: { type?: string | null; detail?: string; retryAfterMs?: number | null; invalid?: readonly Invalid[] } = {},
  ) {
    super(title);
    this.status = status;
    this.type = rest.type ?? null;
    this.detail = rest.detail ?? "";
    this.retryAfterMs = rest.retryAfterMs ?? null;
    this.invalid = rest.invalid ?? [];
  }
}

export interface ApiOptions {
  /** Origin of the API; default: the page's own. */
  readonly baseUrl?: string;
  readonly fetch?: typeof fetch;
  /** Longest wait for an answer, in ms. */
  readonly timeoutMs?: number;
}

export class Http {
  readonly #baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;

  constructor(options: ApiOptions = {}) {
    this.#baseUrl = (options.baseUrl ?? "").replace(/\/+$/, "");
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#timeoutMs = options.timeoutMs ?? 15_000;
  }

  /** The answer's fields; an answer that is no object has none. Throws `ApiError` for anything but a success. */
  async call(method: string, path: string, accessToken: string | null, body: object | null, more: Record<string, string> = {}): Promise<Fields> {
    const headers: Record<string, string> = { Accept: "application/json", ...more };
    if (accessToken !== null) headers["Authorization"] = `Bearer ${accessToken}`;
    if (body !== null) headers["Content-Type"] = "application/json";
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#baseUrl + path, {
        method,
        headers,
        ...(body !== null ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(this.#timeoutMs),
        credentials: "omit",
      });
      text = await response.text();
    } catch {
      throw new ApiError(0, "no answer");
    }
    const value = parse(text);
    if (!response.ok) {
      const retryAfter = Number(response.headers.get("Retry-After") ?? Number.NaN);
      throw new ApiError(response.status, string(value["title"]) ?? string(value["error"]) ?? `status ${response.status}`, {
        type: string(value["type"]),
        detail: string(value["detail"]) ?? "",
        retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1_000 : null,
        invalid: invalidOf(value["errors"]),
      });
    }
    return value;
  }
}

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function invalidOf(value: unknown): readonly Invalid[] {
  const errors = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return errors.flatMap((error) => {
    const pointer = isRecord(error) ? string(error["pointer"]) : null;
    const detail = isRecord(error) ? string(error["detail"]) : null;
    return pointer === null || detail === null ? [] : [{ pointer, detail }];
  });
}
