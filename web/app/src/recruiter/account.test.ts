import { ApiError } from "@vivavoce/sdk";
import { describe, expect, it } from "vitest";
import { Account } from "./account.js";

interface Call {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

class World {
  readonly kept = new Map<string, string>();
  readonly calls: Call[] = [];
  now = Date.parse("2026-11-28T10:00:00Z");
  answers: ((call: Call) => Record<string, unknown>)[] = [];

  account(shelf = true): Account {
    return new Account({
      http: {
        call: (_method, path, _token, body) => {
          const call = { path, body: (body ?? {}) as Readonly<Record<string, unknown>> };
          this.calls.push(call);
          const answer = this.answers.shift();
          if (answer === undefined) throw new Error(`nobody expected ${path}`);
          return Promise.resolve().then(() => answer(call));
        },
      },
      shelf: shelf
        ? {
            getItem: (key) => this.kept.get(key) ?? null,
            setItem: (key, value) => void this.kept.set(key, value),
            removeItem: (key) => void this.kept.delete(key),
          }
        : null,
      now: () => this.now,
    });
  }
}

const signedIn = (number: number, tenant = "t1") => () => ({
  access_token: `access-${number}`,
  refresh_token: `refresh-${number}`,
  expires_at: "2026-11-28T10:15:00.000Z",
  tenant_id: tenant,
  tenants: [
    { id: "t1", name: "Larkfield", role: "recruiter" },
    { id: "t2", name: "Quillmoor", role: "admin" },
    null,
  ],
});
const refused = (status: number) => () => {
  throw new ApiError(status, "no");
};

describe("signing in", () => {
  it("asks, and redeems with what this browser has kept", async () => {
    const world = new World();
    const account = world.account();
    await account.open();
    expect(account.current()).toEqual({ is: "out" });
    world.answers = [() => ({ browser_key: "key" }), signedIn(1)];
    await account.ask("rita@larkfield.example");
    expect(account.current()).toEqual({ is: "asked", email: "rita@larkfield.example" });
    // The link opens a tab of its own.
    const other = world.account();
    await other.redeem("token");
    expect(world.calls.at(-1)).toEqual({ path: "/api/auth/verify", body: { token: "token", browser_key: "key" } });
    const state = other.current();
    expect(state.is === "in" && state.who.tenants.map(({ name }) => name)).toEqual(["Larkfield", "Quillmoor"]);
    expect(await other.bearer()).toBe("access-1");
    expect(world.calls).toHaveLength(2);
    expect([...world.kept.values()].some((value) => value.startsWith("access"))).toBe(false);
  });

  it("renews what ends soon, once for all who ask at once", async () => {
    const world = new World();
    world.kept.set("vivavoce.recruiter.refresh", "refresh-0");
    const account = world.account();
    world.answers = [signedIn(1)];
    await account.open();
    expect(account.current().is).toBe("in");
    world.now += 14 * 60_000 + 1_000;
    world.answers = [signedIn(2)];
    expect(await Promise.all([account.bearer(), account.bearer()])).toEqual(["access-2", "access-2"]);
    expect(world.calls.map(({ body }) => body["refresh_token"])).toEqual(["refresh-0", "refresh-1"]);
    expect(world.calls.at(-1)?.body["tenant_id"]).toBe("t1");
  });

  it("is out where the token is over, and stays in where nobody answers", async () => {
    const world = new World();
    world.kept.set("vivavoce.recruiter.refresh", "refresh-0");
    const account = world.account();
    world.answers = [refused(0)];
    await expect(account.open()).rejects.toMatchObject({ status: 0 });
    expect(world.kept.size).toBe(1);
    world.answers = [refused(401)];
    await account.open();
    expect(account.current()).toEqual({ is: "out" });
    expect(world.kept.size).toBe(0);
  });

  it("turns to another tenant, and signs out", async () => {
    const world = new World();
    world.kept.set("vivavoce.recruiter.refresh", "refresh-0");
    const account = world.account();
    const seen: string[] = [];
    account.subscribe(() => seen.push(account.current().is));
    world.answers = [signedIn(1), signedIn(2, "t2"), () => ({ success: true })];
    await account.open();
    await account.turnTo("t2");
    expect(world.calls.at(-1)?.body).toEqual({ refresh_token: "refresh-1", tenant_id: "t2" });
    await account.signOut();
    expect(world.calls.at(-1)).toEqual({ path: "/api/auth/sign-out", body: { refresh_token: "refresh-2" } });
    expect(seen).toEqual(["in", "in", "out"]);
    await expect(account.bearer()).rejects.toMatchObject({ status: 401 });
  });

  it("does without a shelf", async () => {
    const world = new World();
    const account = world.account(false);
    await account.open();
    world.answers = [() => ({ browser_key: "key" })];
    await account.ask("a@b.example");
    expect(account.current().is).toBe("asked");
  });
});
