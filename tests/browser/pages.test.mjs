/** Every page of the candidate's way at 360 and 1440, light and dark: accessible, nothing refused by the content policy, a picture. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { launch, newCandidate, throughCheck, toCheck } from "./candidate.mjs";
import { startDemo } from "./demo.mjs";
import { quietVoice } from "./voice.mjs";

const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));
let demo;

before(async () => {
  mkdirSync(OUT, { recursive: true });
  demo = await startDemo();
});

after(async () => {
  await demo?.stop();
});

for (const width of [360, 1440]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the pages at ${width}, ${colorScheme}`, { timeout: 240_000 }, async (t) => {
      // One browser each: the microphone's file is read from its start once.
      const browser = await launch(quietVoice());
      t.after(() => browser.close());
      const { context, page, faults } = await newCandidate(browser, { viewport: { width, height: width === 360 ? 740 : 900 }, colorScheme });
      const look = async (name) => {
        await mustBeAccessible(page, name);
        await page.screenshot({ path: join(OUT, `${name}-${width}-${colorScheme}.png`), fullPage: name !== "interview" });
      };
      await page.goto(`${demo.http}/`);
      await look("home");
      await page.goto(`${demo.http}/interview/join?token=${"0".repeat(64)}`);
      await page.getByRole("heading", { name: "We don't know this link" }).waitFor();
      await look("unknown-link");
      await page.goto(`${demo.http}/interview/018f0000-0000-7000-8000-0000000000ff`);
      await page.getByRole("heading", { name: "This page needs your invitation again" }).waitFor();
      await page.goto(demo.invitation_url);
      await page.getByRole("button", { name: "I agree, begin" }).waitFor();
      assert.ok(!page.url().includes("token"), "the secret has left the address");
      await look("invitation");
      await page.getByRole("button", { name: "Not now" }).click();
      await page.getByRole("heading", { name: "Another time, then" }).waitFor();
      await look("not-now");
      await toCheck(page, demo.invitation_url);
      await look("check");
      await throughCheck(page);
      await page.locator('.utterance[data-speaker="ai"]').first().waitFor({ timeout: 20_000 });
      await look("interview");
      const words = `I would measure first, at ${width}, ${colorScheme}.`;
      // By keyboard alone: type instead, then think better of ending it.
      await page.getByRole("button", { name: "Type instead" }).press("Enter");
      await page.getByLabel("Your answer").fill(words);
      await page.keyboard.press("Enter");
      await page.locator('.utterance[data-speaker="candidate"]').getByText(words).waitFor();
      await page.getByRole("button", { name: "End", exact: true }).press("Enter");
      await page.getByRole("button", { name: "Go on talking" }).waitFor();
      await look("end");
      assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), "the talk fits the window");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}
