/**
 * A whole interview in Chromium from the link to the closing page, its microphone fed from a file: what was decoded, what was
 * written down, what the page shows. Kept in SQLite, and in Postgres.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate, throughCheck, toCheck, visitOf } from "./candidate.mjs";
import { withDemo } from "./demo.mjs";
import { decoded, mustHaveHeard } from "./ear.mjs";
import { mustBeTheRecord } from "./visit.mjs";
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
const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));
/** `npm run picture` puts it where the README shows it; a test alone leaves the tree as it is. */
const PICTURE = process.env.README_PICTURE ?? join(OUT, "interview.png");

/** One sentence for the check, then an answer every so often: the interviewer's turns are shorter than the silences. */
const voice = () => renderVoice([0.5, "Hello, this is my voice, one two three.", 14, ...ANSWERS.flatMap((answer) => [answer, 8]), 240]);

async function interview(browser, demo, picture) {
  await demo.control("defaults", { questions: QUESTIONS });
  const { page, faults } = await newCandidate(browser);
  await toCheck(page, demo.invitation_url);
  await throughCheck(page);

  await page.getByText("The interviewer is a simulator.").waitFor();
  await page.locator('.utterance[data-speaker="ai"]').first().waitFor({ timeout: 15_000 });
  await page.locator('.utterance[data-speaker="candidate"][data-final="true"]').nth(1).waitFor({ timeout: 90_000 });
  if (picture) await page.screenshot({ path: PICTURE });
  await mustBeAccessible(page, "interview");
  const during = await decoded(page);
  const { sessionId, accessToken: token } = await visitOf(page, demo);

  await page.getByRole("heading", { name: "Thank you for the talk" }).waitFor({ timeout: 180_000 });
  await page.getByText("The interviewer has closed the interview.").waitFor();
  await mustBeAccessible(page, "closing");
  await page.screenshot({ path: join(OUT, "closing.png"), fullPage: true });

  const { stored, call } = await mustBeTheRecord(demo, { sessionId, token }, QUESTIONS);
  mustHaveHeard(await decoded(page), call);
  assert.ok(during.concealed < 0.05, `little of it is invented: ${JSON.stringify(during)}`);
  assert.equal(await page.locator(".transcript > li").count(), stored.length, "the closing page shows the record");
  assert.deepEqual(faults, []);
}

describe("an interview in Chromium from the link to the closing page", { concurrency: true }, () => {
  mkdirSync(OUT, { recursive: true });
  for (const database of ["sqlite", "postgres"]) {
    test(`kept in ${database}`, { timeout: 240_000 }, () =>
      withDemo({ database, apart: database === "postgres" }, async (demo) => {
        const browser = await launch(voice());
        try {
          await interview(browser, demo, database === "sqlite");
        } finally {
          await close(browser);
        }
      }));
  }
});
