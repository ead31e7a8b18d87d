/**
 * Where to give the microphone, for the browser at hand.
 *
 * Is: a reading of the user-agent string, used for words alone. Isn't: feature detection.
 */

import type { MicrophoneRefusal } from "@vivavoce/sdk";

export type Browser =
  | "chrome"
  | "chrome-android"
  | "edge"
  | "firefox"
  | "firefox-android"
  | "safari"
  | "safari-ios"
  | "chrome-ios"
  | "samsung"
  | "in-app"
  | "other";

export function browserOf(userAgent: string, touchPoints = 0): Browser {
  const has = (pattern: RegExp) => pattern.test(userAgent);
  // An iPad calls itself a Mac; a Mac has no touch screen.
  const ios = has(/iPhone|iPad|iPod/) || (has(/Macintosh/) && touchPoints > 1);
  if (has(/FBAN|FBAV|Instagram|LinkedInApp|Line\/|MicroMessenger|GSA\/|; wv\)/)) return "in-app";
  if (ios) return has(/CriOS|FxiOS|EdgiOS/) ? "chrome-ios" : has(/Safari/) ? "safari-ios" : "in-app";
  if (has(/SamsungBrowser/)) return "samsung";
  if (has(/Edg/)) return "edge";
  if (has(/Firefox/)) return has(/Android/) ? "firefox-android" : "firefox";
  if (has(/Chrome|Chromium/)) return has(/Android/) ? "chrome-android" : "chrome";
  return has(/Safari/) ? "safari" : "other";
}

export function deviceOf(userAgent: string, touchPoints = 0): "phone" | "computer" {
  const browser = browserOf(userAgent, touchPoints);
  return /Android|iPhone|iPad|iPod|Mobile/.test(userAgent) || browser === "safari-ios" ? "phone" : "computer";
}

export interface Remedy {
  readonly what: string;
  readonly steps: readonly string[];
}

export function remedyFor(reason: MicrophoneRefusal, browser: Browser): Remedy {
  switch (reason) {
    case "denied":
      return { what: "Your browser has no permission for the microphone. Here is where to give it:", steps: PERMISSION[browser] };
    case "none":
      return {
        what: "We found no microphone.",
        steps: ["Plug one in, or put on your headset.", "If it was there all along, unplug it and plug it in again.", "Then try again."],
      };
    case "busy":
      return {
        what: "Another program has the microphone.",
        steps: ["Close other calls and recording programs, also in other tabs.", "On a phone, end the call that is going on.", "Then try again."],
      };
    case "unsupported":
      return {
        what: "This browser cannot give a page the microphone.",
        steps: ["Open the link of your invitation in a current Chrome, Firefox, Safari or Edge."],
      };
    case "unknown":
      return { what: "The microphone did not answer.", steps: ["Try again.", "If it stays so, restart the browser and open the link of your invitation."] };
    default:
      return never(reason);
  }
}

const PERMISSION: Readonly<Record<Browser, readonly string[]>> = {
  chrome: ["Press the icon at the left of the address bar.", "Switch “Microphone” on.", "Then try again."],
  edge: ["Press the padlock at the left of the address bar.", "Choose “Permissions for this site”, and allow “Microphone”.", "Then try again."],
  "chrome-android": ["Tap the icon at the left of the address.", "Tap “Permissions”, then “Microphone”, and allow it.", "Then try again."],
  samsung: ["Tap the padlock at the left of the address.", "Tap “Permissions”, then “Microphone”, and allow it.", "Then try again."],
  firefox: ["Press the crossed-out microphone in the address bar.", "Remove “Blocked” with the cross beside it.", "Then try again, and choose “Allow”."],
  "firefox-android": ["Tap the padlock at the left of the address.", "Tap “Microphone”, until it says “Allowed”.", "Then try again."],
  safari: ["Open the menu “Safari”, then “Settings for This Website…”.", "Set “Microphone” to “Allow”.", "Then try again."],
  "safari-ios": ["Tap the icon at the left of the address (“AA”, or the page with lines).", "Tap “Website Settings”, and set “Microphone” to “Allow”.", "Then try again."],
  "chrome-ios": ["Open the “Settings” of your phone, and find this browser in the list of apps.", "Switch “Microphone” on.", "Come back here and try again."],
  "in-app": ["This page is open inside another app, which may keep the microphone from it.", "Open the menu of that app, and choose “Open in browser”."],
  other: ["Look for a microphone or a padlock beside the address of this page.", "Allow the microphone there.", "Then try again."],
};

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
