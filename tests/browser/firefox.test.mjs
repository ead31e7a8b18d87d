/**
 * A whole interview on the real candidate page in Debian's Firefox, over WebDriver BiDi: kept in SQLite, and in Postgres.
 *
 * Its microphone is made in the page (`answering.mjs`). Everything else, the peer connection and the sound that is decoded, is
 * Firefox's own.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import puppeteer from "puppeteer-core";
import { answering } from "./answering.mjs";
import { visitOf } from "./candidate.mjs";
import { until, within } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { decoded, listen, mustHaveHeard } from "./ear.mjs";
import { startSound } from "./sound.mjs";
import { mustBeTheRecord, untilCompleted } from "./visit.mjs";

const LAUNCH_MS_MAX = 60_000;
const STEP_MS_MAX = 30_000;
const INTERVIEW_MS_MAX = 120_000;
const CLOSE_MS_MAX = 10_000;
/** Five questions, the first with the greeting: five turns of the candidate's. */
const QUESTIONS = 5;

function launchFirefox(env) {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX_BIN ?? "/usr/bin/firefox-esr",
    headless: true,
    timeout: LAUNCH_MS_MAX,
    protocolTimeout: LAUNCH_MS_MAX,
    env: { ...process.env, ...env },
    extraPrefsFirefox: {
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
      // The relay of the demo listens on loopback alone.
      "media.peerconnection.ice.loopback": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      // Firefox gathers on every interface only for a page that captures: its own made-up device is opened, and not used.
      "media.navigator.streams.fake": true,
      "ui.prefersReducedMotion": 1,
      "intl.accept_languages": "en-GB",
    },
  });
}

async function closeFirefox(firefox) {
  const process = firefox.process();
  await within(firefox.close(), CLOSE_MS_MAX, "Firefox closes").catch(() => process?.kill("SIGKILL"));
}

const press = (page, name) => named(page, name, "button", (found) => found.click());
const heading = (page, name) => named(page, name, "heading", (found) => found.wait());

async function named(page, name, role, act) {
  try {
    await act(page.locator(`::-p-aria([name="${name}"][role="${role}"])`).setTimeout(STEP_MS_MAX));
  } catch (cause) {
    const shown = await page.evaluate(() => document.body.innerText).catch(String);
    throw new Error(`no ${role} "${name}" within ${STEP_MS_MAX / 1000} s; the page shows: ${shown}`, { cause });
  }
}

async function interview(firefox, demo) {
  assert.match(await firefox.version(), /^firefox\//i);
  await demo.control("defaults", { questions: QUESTIONS, think_ms: 100 });
  const page = await firefox.newPage();
  page.setDefaultTimeout(STEP_MS_MAX);
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.evaluateOnNewDocument(listen);
  await page.evaluateOnNewDocument(answering);
  await page.goto(demo.invitation_url);
  await press(page, "I agree, begin");
  await press(page, "Play the notes");
  await press(page, "Yes, I heard them");
  await press(page, "Use my microphone");
  await press(page, "Start the interview");
  await until(
    async () => {
      const seen = await decoded(page);
      return { met: seen.loudSeconds >= 1, seen };
    },
    STEP_MS_MAX,
    "the greeting is heard",
  );
  const { sessionId, accessToken: token } = await visitOf(page, demo);

  let sound;
  await until(
    async () => {
      // Figures of a peer connection go with it: the last before that.
      const now = await decoded(page);
      if (sound === undefined || now.received >= sound.received) sound = now;
      const seen = await demo.session(sessionId, token);
      return { met: seen.status === "completed", seen: { ...seen, sound } };
    },
    INTERVIEW_MS_MAX,
    "the interview is over",
  );
  await heading(page, "Thank you for the talk");
  await untilCompleted(demo, { sessionId, token }, 5_000);
  const { stored, call } = await mustBeTheRecord(demo, { sessionId, token }, QUESTIONS);
  mustHaveHeard({ ...sound, loudSeconds: (await decoded(page)).loudSeconds }, call);
  assert.ok(sound.concealed < 0.1, `little of it is invented: ${JSON.stringify(sound)}`);
  assert.equal((await page.$$(".transcript > li")).length, stored.length, "the closing page shows the record");
  assert.deepEqual(faults, []);
}

describe("an interview in Firefox from the link to the closing page", { concurrency: true }, () => {
  for (const database of ["sqlite", "postgres"]) {
    test(`kept in ${database}`, { timeout: 240_000 }, () =>
      withDemo({ database, apart: database === "postgres" }, async (demo) => {
        const sound = await startSound();
        let firefox;
        try {
          firefox = await launchFirefox(sound.env);
          await interview(firefox, demo);
        } finally {
          if (firefox !== undefined) await closeFirefox(firefox);
          await sound.stop();
        }
      }));
  }
});
