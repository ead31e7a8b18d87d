/**
 * Rows of the table of faults (docs/continuity.md) in Chromium, on the real page: an interview in digits each (`exam.mjs`), counted at both
 * ears and in the record. What the page says meanwhile is here only where the row is about the page; `outage-pictures.test.mjs` has it all.
 *
 * An interview takes some 40 s: `ROWS=all` runs the ones, too, that differ from another only in who speaks, or are in `away.test.mjs`.
 */

import { describe, test } from "node:test";
import { until } from "./child.mjs";
import { exam } from "./exam.mjs";
import { behindNat } from "./nat.mjs";

const AWAY_MS = 5_000;
const TIMEOUT_MS = 180_000;
const MORE = { timeout: TIMEOUT_MS, skip: process.env.ROWS !== "all" && "ROWS=all runs it" };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms)); // the length of a fault, never a wait for something

const connected = (page) => page.getByText("Connected", { exact: true }).waitFor({ timeout: 30_000 });

async function killAndStart({ demo }) {
  await demo.signal("SIGKILL");
  await demo.startAgain();
}

async function vanish({ demo }) {
  await demo.control("faults", { kind: "vanish" });
  await until(async () => ({ met: (await demo.calls()).calls.length === 2, seen: "one call" }), 20_000, "another call");
}

async function reload({ page }) {
  await page.reload();
  await connected(page);
}

/** Ended by the system: the person is asked for a press, and gives it back. */
async function takeMicrophone({ page }) {
  await page.evaluate(() => window.vivavoceMouth.take());
  await page.getByText("Your computer has taken the microphone. Press here to go on.").waitFor();
  await page.getByRole("button", { name: "Go on", exact: true }).click();
  await connected(page);
}

/** Muted by the system, as by a call, and given back without a press. */
async function silenceMicrophone({ page }) {
  await page.evaluate(() => window.vivavoceMouth.silence(true));
  await page.getByText("Your computer has taken the microphone. Press here to go on.").waitFor();
  await pause(2_500);
  await page.evaluate(() => window.vivavoceMouth.silence(false));
  await page.getByText("You can be heard again. If you were speaking, please say it again.").waitFor();
}

describe("an interview in digits in Chromium", { concurrency: 2 }, () => {
  test("kill -9 of the relay while the candidate speaks, and its next start", { timeout: TIMEOUT_MS }, () =>
    exam({ strikes: [{ turn: 1, part: "candidate", into: 4, strike: killAndStart }] }));

  test("kill -9 of the relay while the AI speaks, and its next start", MORE, () =>
    exam({ strikes: [{ turn: 1, part: "ai", into: 5, strike: killAndStart }] }));

  const away = (part) => {
    const seen = { net: undefined, isCut: false, frames: 0, sockets: 0, acks: 0 };
    const strike = async () => {
      seen.net.cut();
      seen.isCut = true;
      await pause(AWAY_MS);
      seen.net.mend();
      seen.isCut = false;
    };
    return exam({ strikes: [{ turn: 1, part, into: 4, strike }], prepare: (page) => behindNat(page, seen) }).finally(() => seen.net?.stop());
  };
  test("the candidate's network is away for 5 s while the AI speaks", { timeout: TIMEOUT_MS }, () => away("ai"));
  test("the candidate's network is away for 5 s while they speak", MORE, () => away("candidate"));

  test("the tab is reloaded while the AI speaks, and as an answer ends", { timeout: TIMEOUT_MS }, () =>
    exam({ strikes: [{ turn: 1, part: "ai", into: 4, strike: reload }, { turn: 2, part: "between", strike: reload }] }));

  test("the microphone is muted by the system and given back without a press; the AI's peer vanishes while the AI speaks", { timeout: TIMEOUT_MS }, () =>
    exam({ strikes: [{ turn: 0, part: "between", strike: silenceMicrophone }, { turn: 1, part: "ai", into: 4, strike: vanish }], seams: 1 }));

  test("the microphone is ended by the system and given back by a press", MORE, () =>
    exam({ strikes: [{ turn: 0, part: "between", strike: takeMicrophone }, { turn: 1, part: "ai", into: 4, strike: takeMicrophone }], seams: 0 }));

  test("the AI's peer vanishes while the candidate speaks", MORE, () =>
    exam({ strikes: [{ turn: 1, part: "candidate", into: 3, strike: vanish }] }));
});
