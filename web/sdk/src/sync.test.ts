import { describe, expect, it, vi } from "vitest";
import type { Caption } from "./captions.js";
import { SYNC_MS } from "./sync.js";
import { joined, settled, WELCOME, World } from "./testing/world.js";

const entry = (itemId: string, text: string, second = 0): Caption => ({
  itemId, speaker: itemId.startsWith("a") ? "ai" : "candidate", text, final: true, at: `2026-01-01T00:00:0${second}.000Z`, previousItemId: undefined,
}); // prettier-ignore
const caption = (itemId: string, text: string, final = true) => ({ type: "caption", itemId, speaker: itemId.startsWith("a") ? "ai" : "candidate", text, final, at: "2026-01-01T00:00:01.000Z" });

describe("what is shown and the record", () => {
  it("are made one after each welcome, and now and then", async () => {
    const world = new World();
    let record: Caption[] = [];
    const history = vi.fn(() => Promise.resolve(record));
    const interview = await joined(world, { history });
    world.socket.says(caption("a1", "Hel", false));
    record = [entry("a1", "Hello.")];
    world.socket.drop();
    await world.pass(1_000);
    world.socket.open();
    world.socket.says({ ...WELCOME, seq: 9, resumed: true, state: { session: "live", candidate: "up", ai: "up" } });
    await settled();
    expect(interview.state().captions.map(({ text }) => text)).toEqual(["Hello."]);

    record = [entry("a1", "Hello."), entry("c2", "A sentence whose caption never came.", 5)];
    await world.pass(SYNC_MS * 1.25);
    expect(interview.state().captions.map(({ text }) => text)).toEqual(["Hello.", "A sentence whose caption never came."]);
    const before = interview.state().captions;
    const asked = history.mock.calls.length;
    await world.pass(3 * SYNC_MS);
    expect(history.mock.calls.length).toBeGreaterThanOrEqual(asked + 2);
    expect(interview.state().captions).toBe(before);
  });

  it("differ: the record wins, but for what came since it was asked for", async () => {
    const world = new World();
    let answer: (captions: Caption[]) => void = () => undefined;
    const interview = await joined(world, { history: () => new Promise((resolve) => (answer = resolve)) });
    world.socket.says(caption("a1", "I would have said more, but"));
    world.socket.says(caption("c2", "Stop."));
    await world.pass(SYNC_MS * 1.25);
    world.socket.says(caption("c2", "Stop there."));
    answer([entry("a1", "I would have said"), entry("c2", "Stop.")]);
    await settled();
    expect(interview.state().captions.map(({ text }) => text)).toEqual(["I would have said", "Stop there."]);
  });

  it("agree that words are no longer on their way", async () => {
    const world = new World();
    const interview = await joined(world, { history: () => Promise.resolve([entry("c1", "First.")]) });
    interview.say("First.");
    interview.say("Second.");
    await world.pass(SYNC_MS * 1.25);
    expect(interview.state().pendingWords.map(({ text }) => text)).toEqual(["Second."]);
  });

  it("that cannot be read is asked for again", async () => {
    const world = new World();
    const history = vi.fn(() => Promise.reject(new Error("away")));
    const interview = await joined(world, { history });
    world.socket.says(caption("a1", "Hello."));
    await world.pass(3 * SYNC_MS);
    expect(history.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(interview.state().captions).toHaveLength(1);
    interview.leave();
    expect(world.timers).toBe(0);
  });
});
