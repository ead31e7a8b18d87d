import { describe, expect, it } from "vitest";
import { ResumeStore } from "./resume.js";
import { World } from "./testing/world.js";

describe("what a reload finds", () => {
  it("is the last token and the highest number", () => {
    const world = new World();
    const before = new ResumeStore(world.storage, "s");
    before.renew("r1");
    before.saw(5);
    before.saw(3);
    before.saw(null);
    before.renew(null);
    expect(new ResumeStore(world.storage, "s").kept).toEqual({ resume: "r1", lastSeq: 5 });
    expect(new ResumeStore(world.storage, "other").kept).toEqual({ resume: null, lastSeq: null });
  });

  it("is nothing once forgotten", () => {
    const world = new World();
    const store = new ResumeStore(world.storage, "s");
    store.renew("r1");
    store.forget();
    expect(world.kept.size).toBe(0);
    expect(store.kept).toEqual({ resume: null, lastSeq: null });
  });

  it.each(["{", "7", '{"resume":7,"lastSeq":"x"}', "null"])("is nothing where the storage holds %s", (text) => {
    const world = new World();
    world.storage.setItem("vivavoce.resume.s", text);
    expect(new ResumeStore(world.storage, "s").kept).toEqual({ resume: null, lastSeq: null });
  });

  it("lasts as long as the page where the storage refuses", () => {
    const refuse = (): never => {
      throw new Error("private window");
    };
    const store = new ResumeStore({ getItem: refuse, setItem: refuse, removeItem: refuse }, "s");
    store.renew("r1");
    expect(store.kept.resume).toBe("r1");
    store.forget();
    expect(store.kept.resume).toBeNull();
  });
});
