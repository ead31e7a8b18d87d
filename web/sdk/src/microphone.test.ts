import { describe, expect, it } from "vitest";
import { openMicrophone, speechConstraints } from "./microphone.js";

const refusing = (name: string) => ({ getUserMedia: () => Promise.reject(Object.assign(new Error("no"), { name })) });

describe("asking for a microphone", () => {
  it("asks for one clean voice", () => {
    expect(speechConstraints("d1")).toEqual({
      audio: {
        channelCount: { ideal: 1 },
        echoCancellation: { ideal: true },
        noiseSuppression: { ideal: true },
        autoGainControl: { ideal: true },
        deviceId: { exact: "d1" },
      },
      video: false,
    });
  });

  it("gives it", async () => {
    const stream = {} as MediaStream;
    expect(await openMicrophone({ getUserMedia: () => Promise.resolve(stream) })).toEqual({ is: "open", stream });
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["SecurityError", "denied"],
    ["NotFoundError", "none"],
    ["OverconstrainedError", "none"],
    ["NotReadableError", "busy"],
    ["AbortError", "busy"],
    ["TypeError", "unsupported"],
    ["Odd", "unknown"],
  ])("sorts %s as %s", async (name, reason) => {
    expect(await openMicrophone(refusing(name))).toEqual({ is: "refused", reason });
  });

  it("knows a browser that has none to give", async () => {
    expect(await openMicrophone(undefined)).toEqual({ is: "refused", reason: "unsupported" });
  });
});
