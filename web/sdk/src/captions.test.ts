import { describe, expect, it } from "vitest";
import { applyCaption, CAPTIONS_MAX } from "./captions.js";
import type { Captions } from "./captions.js";
import type { CaptionFrame } from "./wire.js";

const frame = (itemId: string, previousItemId: string | null | undefined, text: string, final = true, at = ""): CaptionFrame => ({
  type: "caption",
  itemId,
  speaker: itemId.startsWith("a") ? "ai" : "candidate",
  text,
  final,
  at,
  ...(previousItemId === undefined ? {} : { previousItemId }),
});
const all = (frames: readonly CaptionFrame[]) => frames.reduce<Captions>((captions, f) => applyCaption(captions, f), []);
const ids = (captions: Captions) => captions.map((caption) => caption.itemId);

describe("captions", () => {
  it("grow in place, and end as the final text", () => {
    const captions = all([frame("a1", null, "Hel", false), frame("a1", null, "Hello", false), frame("a1", null, "Hello.", true)]);
    expect(captions).toMatchObject([{ itemId: "a1", text: "Hello.", final: true }]);
  });

  it("keep a final text from a late partial", () => {
    expect(all([frame("a1", null, "Hello.", true), frame("a1", null, "Hel", false)])).toMatchObject([{ text: "Hello.", final: true }]);
  });

  it("let a later final correct an earlier one", () => {
    expect(all([frame("c1", null, "Helo", true), frame("c1", null, "Hello", true)])).toMatchObject([{ text: "Hello" }]);
  });

  it("stand in the order of the conversation, whatever the order of arrival", () => {
    // The candidate's words are written down after the answer to them has begun.
    expect(ids(all([frame("a1", null, "Q"), frame("a2", "c1", "Next"), frame("c1", "a1", "A")]))).toEqual(["a1", "c1", "a2"]);
  });

  it("are the same list for every order of arrival of a chain", () => {
    const chain = ["a1", "c1", "a2", "c2", "a3"].map((id, index, list) => frame(id, index === 0 ? null : (list[index - 1] ?? null), id));
    const orders = permutations(chain);
    expect(orders).toHaveLength(120);
    for (const order of orders) expect(ids(all(order))).toEqual(["a1", "c1", "a2", "c2", "a3"]);
  });

  it("are the same list when each comes twice", () => {
    const chain = ["a1", "c1", "a2", "c2"].map((id, index, list) => frame(id, index === 0 ? null : (list[index - 1] ?? null), id));
    for (const order of permutations(chain)) expect(ids(all([...order, ...order]))).toEqual(["a1", "c1", "a2", "c2"]);
  });

  it("go by their time where nothing names what came before", () => {
    const captions = all([
      frame("a2", undefined, "two", true, "2026-01-01T00:00:20.000Z"),
      frame("a1", undefined, "one", true, "2026-01-01T00:00:10.000Z"),
      frame("c9", undefined, "three", true, "2026-01-01T00:00:30.000Z"),
    ]);
    expect(ids(captions)).toEqual(["a1", "a2", "c9"]);
  });

  it("move once the place is told", () => {
    expect(ids(all([frame("a1", null, "1"), frame("a2", undefined, "3"), frame("c1", undefined, "2"), frame("a2", "c1", "3")]))).toEqual(["a1", "c1", "a2"]);
  });

  it("bear a circle without hanging or losing anything", () => {
    expect(ids(all([frame("a1", "c1", "x"), frame("c1", "a1", "y")])).sort()).toEqual(["a1", "c1"]);
    expect(ids(all([frame("a1", "a1", "x")]))).toEqual(["a1"]);
  });

  it("are bounded", () => {
    const full: Captions = Array.from({ length: CAPTIONS_MAX }, (_, index) => applyCaption([], frame(`a${index}`, undefined, "x"))).flat();
    const captions = [0, 1, 2, 3, 4].reduce((sofar, index) => applyCaption(sofar, frame(`a${CAPTIONS_MAX + index}`, undefined, "x")), full);
    expect(captions).toHaveLength(CAPTIONS_MAX);
    expect(captions[0]?.itemId).toBe("a5");
  });
});

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((first, index) => permutations([...list.slice(0, index), ...list.slice(index + 1)]).map((rest) => [first, ...rest]));
}
