/**
 * The candidate's own outage in Chromium, on the real page: a NAT between them and the relay is cut for seconds while they say digits,
 * and each is heard once, in its place. The page says so, in words, before anybody tells it; a reload in the middle loses nothing.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { digitsOf, enter, mouth } from "./mouth.mjs";
import { behindNat } from "./nat.mjs";

const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));
mkdirSync(OUT, { recursive: true });
const CUT_MS = Number(process.env.CUT_MS ?? 5_000);
const ROUNDS = Number(process.env.ROUNDS ?? 2);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms)); // the length of a fault, never a wait for something
const AWAY = "Your connection is away. Go on if you like: what you say is kept.";

const heardText = async (demo) => {
  const { calls } = await demo.calls();
  return (await demo.call(calls.at(-1).id)).digits_text ?? "";
};

/** Waits until so many digits have been heard, and then that no more come. */
async function allHeard(demo, count) {
  let last = { text: "", at: Date.now() };
  return until(
    async () => {
      const text = await heardText(demo);
      if (text !== last.text) last = { text, at: Date.now() };
      const settled = Date.now() - last.at > (text.length >= count ? 1_500 : 15_000);
      return { met: settled, seen: text };
    },
    120_000,
    "all digits are heard",
  );
}

async function interview(options, body) {
  await withDemo({}, async (demo) => {
    await demo.control("defaults", { mode: "judge", judge: { count: 1 } });
    const browser = await launch();
    const seen = { net: undefined, isCut: false, frames: 0, sockets: 0, acks: 0 };
    try {
      const { page, faults } = await newCandidate(browser, { viewport: { width: 360, height: 740 }, ...options });
      await page.addInitScript(mouth);
      if (options.before !== undefined) await page.addInitScript(options.before);
      await behindNat(page, seen);
      await enter(page, demo);
      await page.getByText("Connected", { exact: true }).waitFor();
      await until(async () => ({ met: (await demo.calls()).calls.length === 1, seen: "" }), 20_000, "a call");
      await body({ demo, page, seen, faults });
      assert.deepEqual(faults, []);
    } finally {
      await close(browser);
      seen.net?.stop();
    }
  });
}

/** Notes in the page when it first says this, by the clock that the test has too: asking from outside takes its own time. */
function watchFor(words) {
  window.vivavoceSaidAway = undefined;
  new MutationObserver((_, observer) => {
    if (!document.body.textContent.includes(words)) return;
    window.vivavoceSaidAway = Date.now();
    observer.disconnect();
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}

/** From the relay's first acknowledgement of what is said the page may promise. */
const acknowledged = (seen) => until(async () => ({ met: seen.acks > 0, seen }), 10_000, "the relay acknowledges");

async function outage({ demo, page, seen }, digits, { cutsSocket }) {
  const before = (await heardText(demo)).length;
  await page.evaluate((all) => window.vivavoceMouth.say(all), digits);
  await pause(800 + Math.random() * 800);
  await acknowledged(seen);
  await page.evaluate(watchFor, AWAY);
  seen.net.cut();
  seen.isCut = cutsSocket;
  const cutAt = Date.now();
  await page.getByText(AWAY).waitFor({ timeout: 6_000 });
  const noticed = (await page.evaluate(() => window.vivavoceSaidAway)) - cutAt;
  await pause(Math.max(0, CUT_MS - (Date.now() - cutAt)));
  seen.net.mend();
  seen.isCut = false;
  const backAt = Date.now();
  await page.getByText("You are back. Nothing was lost.").waitFor({ timeout: 20_000 });
  const back = Date.now() - backAt;
  const heard = (await allHeard(demo, before + digits.length)).slice(before);
  assert.ok(noticed <= 3_500, `noticed after ${noticed} ms`); // 2 s, the page's own clock ticks twice a second, and a busy machine's is late
  if (process.env.SHOW) console.error({ noticed, back, frames: seen.frames, sockets: seen.sockets });
  assert.equal(heard, digits);
}

test("digits said while the network is away are heard once, in their place, and the page says what is so", { timeout: 240_000 }, () =>
  interview({}, async (at) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await outage(at, digitsOf(Math.round(CUT_MS / 160) + 25, round + 1), { cutsSocket: round % 2 === 1 });
      await at.page.getByText("Connected", { exact: true }).waitFor({ timeout: 20_000 });
    }
    assert.ok(at.seen.frames > 0);
  }));

test("a reload in the middle of an outage loses nothing of it", { timeout: 240_000 }, () =>
  interview({}, async ({ demo, page, seen }) => {
    const digits = digitsOf(40, 3);
    await page.evaluate((all) => window.vivavoceMouth.say(all), digits.slice(0, 20));
    await acknowledged(seen);
    seen.net.cut();
    seen.isCut = true;
    await page.waitForFunction(() => window.vivavoceMouth.isSilent());
    await page.getByText(AWAY).waitFor({ timeout: 5_000 });
    await page.reload();
    await page.getByRole("button", { name: /Type instead|Join/ }).first().waitFor();
    seen.net.mend();
    seen.isCut = false;
    await page.getByText("Connected", { exact: true }).waitFor({ timeout: 30_000 });
    await page.waitForFunction(async () => {
      for (const entry of (await window.vivavoceTest.peers.at(-1).getStats()).values()) if (entry.type === "outbound-rtp" && entry.packetsSent > 10) return true;
      return false;
    });
    await page.evaluate((all) => window.vivavoceMouth.say(all), digits.slice(20));
    assert.equal(await allHeard(demo, digits.length), digits);
  }));

test("a microphone that the system has taken and given back is heard again at once", { timeout: 120_000 }, () =>
  interview({}, async ({ demo, page }) => {
    const digits = digitsOf(30, 5);
    await page.evaluate((all) => window.vivavoceMouth.say(all), digits.slice(0, 10));
    await page.waitForFunction(() => window.vivavoceMouth.isSilent());
    await page.evaluate(() => window.vivavoceMouth.take());
    await page.getByRole("button", { name: "Go on", exact: true }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    await page.evaluate((all) => window.vivavoceMouth.say(all), digits.slice(10));
    assert.equal(await allHeard(demo, digits.length), digits);
  }));

test("a microphone that the system has silenced is heard again when it is given back by itself, or by a press", { timeout: 120_000 }, () =>
  interview({}, async ({ demo, page }) => {
    const digits = digitsOf(30, 6);
    const say = (some) => page.evaluate((all) => window.vivavoceMouth.say(all), some);
    const silence = async (on) => {
      await page.waitForFunction(() => window.vivavoceMouth.isSilent());
      await page.evaluate((now) => window.vivavoceMouth.silence(now), on);
    };
    const taken = page.getByText("Your computer has taken the microphone. Press here to go on.");
    await say(digits.slice(0, 10));
    await silence(true);
    await taken.waitFor();
    await say("5151"); // into a microphone that somebody else has
    await silence(false);
    await page.getByText("Connected", { exact: true }).waitFor();
    await say(digits.slice(10, 20));
    await silence(true);
    await taken.waitFor();
    await page.getByRole("button", { name: "Go on", exact: true }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    await say(digits.slice(20));
    assert.equal(await allHeard(demo, digits.length), digits);
  }));
