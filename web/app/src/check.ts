/**
 * The device check as a pure reducer: sound out, microphone in, network; one after the other.
 *
 * Law: nothing blocks for good: who hears nothing has the captions, who has no microphone may type.
 */

import type { MicrophoneRefusal } from "@vivavoce/sdk";

export type Sound = "todo" | "playing" | "asked" | "heard" | "unheard";
export type Voice = "quiet" | "recording" | "playing" | "played";
export type Microphone =
  | { readonly is: "todo" }
  | { readonly is: "asking" }
  | { readonly is: "refused"; readonly reason: MicrophoneRefusal }
  | { readonly is: "open"; readonly voice: Voice; readonly heardSomething: boolean }
  /** Goes on by typing. */
  | { readonly is: "without" };
export type Network = "testing" | "good" | "slow" | "away";

export interface Check {
  readonly sound: Sound;
  readonly microphone: Microphone;
  readonly network: Network;
}

export const CHECK_START: Check = { sound: "todo", microphone: { is: "todo" }, network: "testing" };

export type CheckEvent =
  | { readonly on: "sound"; readonly sound: Sound }
  | { readonly on: "asking" }
  | { readonly on: "refused"; readonly reason: MicrophoneRefusal }
  | { readonly on: "opened" }
  | { readonly on: "voice"; readonly voice: Voice }
  /** The meter has moved: the microphone is alive. */
  | { readonly on: "heardSomething" }
  | { readonly on: "without" }
  | { readonly on: "network"; readonly network: Network };

export function checkStep(check: Check, event: CheckEvent): Check {
  const { microphone } = check;
  switch (event.on) {
    case "sound":
      return { ...check, sound: event.sound };
    case "asking":
      return { ...check, microphone: { is: "asking" } };
    case "refused":
      return { ...check, microphone: { is: "refused", reason: event.reason } };
    case "opened":
      return { ...check, microphone: { is: "open", voice: "quiet", heardSomething: false } };
    case "voice":
      return microphone.is === "open" ? { ...check, microphone: { ...microphone, voice: event.voice } } : check;
    case "heardSomething":
      return microphone.is === "open" && !microphone.heardSomething ? { ...check, microphone: { ...microphone, heardSomething: true } } : check;
    case "without":
      return { ...check, microphone: { is: "without" } };
    case "network":
      return { ...check, network: event.network };
    default:
      return never(event);
  }
}

/** Which row is being worked on. */
export function rowOf(check: Check): "sound" | "microphone" | "ready" {
  if (check.sound !== "heard" && check.sound !== "unheard") return "sound";
  const { microphone } = check;
  const done = microphone.is === "without" || (microphone.is === "open" && microphone.heardSomething);
  return done ? "ready" : "microphone";
}

/** Round trips of a few small requests, in ms, to a word. The median, since the first pays for the connection. */
export function networkOf(roundTrips: readonly number[]): Network {
  if (roundTrips.length === 0) return "away";
  const sorted = [...roundTrips].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY;
  return median <= 400 ? "good" : "slow";
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
