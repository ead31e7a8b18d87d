/** A whole interview in Chromium against `vivavoce demo`: what was decoded, what was written down, what the page shows. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { mustBeAccessible } from "./accessibility.mjs";
import { decoded, launch, newCandidate, throughCheck, toCheck, visitOf } from "./candidate.mjs";
import { startDemo } from "./demo.mjs";
import { renderVoice } from "./voice.mjs";

const QUESTIONS = 5;
const ANSWERS = [
  "I look after the payments service of a small bank.",
  "We replaced the module that woke us at night.",
  "I would measure first, and then change one thing.",
  "My colleagues say that I ask before I assume.",
  "I would like to learn how you decide.",
  "Thank you, that was a good question.",
  "Yes, I think that is all from me.",
];
const PICTURE = fileURLToPath(new URL("../../docs/interview.png", import.meta.url));
const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));

let demo;
let browser;

before(async () => {
  mkdirSync(OUT, { recursive: true });
  const wav = join(mkdtempSync(join(tmpdir(), "vivavoce-voice-")), "candidate.wav");
  // One sentence for the check, then an answer every so often: the interviewer's turns are shorter than the silences.
  renderVoice(wav, [0.5, "Hello, this is my voice, one two three.", 14, ...ANSWERS.flatMap((answer) => [answer, 11]), 600]);
  demo = await startDemo();
  await demo.control("defaults", { questions: QUESTIONS });
  browser = await launch(wav);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test("an interview from the link to the closing page", { timeout: 240_000 }, async () => {
  const { page, faults } = await newCandidate(browser);
  await toCheck(page, demo.invitation_url);
  await throughCheck(page);

  await page.getByText("The interviewer is a simulator.").waitFor();
  await page.locator('.utterance[data-speaker="ai"]').first().waitFor({ timeout: 15_000 });
  await page.locator('.utterance[data-speaker="candidate"][data-final="true"]').nth(1).waitFor({ timeout: 90_000 });
  await page.screenshot({ path: PICTURE });
  await mustBeAccessible(page, "interview");
  const during = await decoded(page);
  const { sessionId, accessToken } = await visitOf(page);

  await page.getByRole("heading", { name: "Thank you for the talk" }).waitFor({ timeout: 180_000 });
  await page.getByText("The interviewer has closed the interview.").waitFor();
  await mustBeAccessible(page, "closing");
  await page.screenshot({ path: join(OUT, "closing.png"), fullPage: true });

  // Sound, not a connection state.
  assert.ok(during.loudest > 0.03, `the voice was heard: ${JSON.stringify(during)}`);
  assert.ok(during.loudSeconds > 3, `for some seconds: ${JSON.stringify(during)}`);
  assert.ok(during.energy > 0.001, `and counted by the browser: ${JSON.stringify(during)}`);
  assert.ok(during.concealed < 0.05, `with little of it invented: ${JSON.stringify(during)}`);

  // The record is what the simulator says that it said and heard, in order, each once.
  const [call, ...others] = (await demo.calls()).calls;
  assert.equal(others.length, 0, "one call to the AI side");
  if (process.env.SHOW) console.error(JSON.stringify(call.items, null, 1));
  const stored = await demo.transcript(sessionId, accessToken);
  // A tool's call is an item too, but nobody's words.
  const voiced = call.items.filter((item) => item.call_id === null && item.words !== null && item.words !== "");
  assert.deepEqual(
    stored.map(({ item_id, text }) => ({ item_id, text })),
    voiced.map(({ id, words }) => ({ item_id: id, text: words })),
    "the record holds each item once, in order, in its words",
  );
  const turns = stored.filter((entry) => entry.speaker === "candidate").length;
  assert.ok(turns >= 5, `at least five turns, were ${turns}`);
  assert.equal((await demo.session(sessionId, accessToken)).status, "completed");

  // What the page shows at the end is the record.
  const shown = await page.locator(".transcript > li").count();
  assert.equal(shown, stored.length);
  assert.deepEqual(faults, []);
});
