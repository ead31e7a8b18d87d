/**
 * A recruiter from their letter to the record of an interview: signs in by a link, writes a position, puts in a candidate, invites;
 * the candidate comes by their letter, is interviewed, and the recruiter reads what was said. Each page is looked at: accessible at
 * 360 and 1440, light and dark, nothing refused by the content policy, a picture.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate, throughCheck, toCheck, visitOf } from "./candidate.mjs";
import { withDemo } from "./demo.mjs";
import { quietVoice } from "./voice.mjs";

const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-recruiter-"));
mkdirSync(OUT, { recursive: true });
const RECRUITER = "rita@larkfield.example";
const SIZES = [
  [360, 740],
  [1440, 900],
];

/** The letters so far, once there are so many. */
async function letters(demo, count) {
  const ends = Date.now() + 30_000;
  for (;;) {
    const { letters: caught } = await (await fetch(demo.mail_url)).json();
    if (caught.length >= count) return caught;
    assert.ok(Date.now() < ends, `${caught.length} letters, not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const linkIn = (letter) => letter.text.match(/https?:\S+/)[0];

test("a recruiter signs in, invites, and reads the interview", { timeout: 240_000 }, () =>
  withDemo({}, async (demo) => {
    const browser = await launch(quietVoice());
    try {
      await demo.control("defaults", { think_ms: 100 });
      const { context, page, faults } = await newCandidate(browser, { ears: false });
      const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();
      const press = (name) => page.getByRole("button", { name, exact: true }).click();
      const look = async (name) => {
        for (const [width, height] of SIZES) {
          await page.setViewportSize({ width, height });
          for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            await mustBeAccessible(page, `${name} at ${width}, ${colorScheme}`);
            await page.screenshot({ path: join(OUT, `${name}-${width}-${colorScheme}.png`), fullPage: true });
          }
        }
        await page.emulateMedia({ colorScheme: "light" });
      };

      await page.goto(`${demo.http}/recruiter`);
      await heading("Sign in");
      await look("sign-in");
      await page.getByLabel("Your e-mail address").fill("not an address");
      await press("Send me a link");
      await page.getByText("This should be one e-mail address.").waitFor();
      await page.getByLabel("Your e-mail address").fill(RECRUITER);
      await press("Send me a link");
      await heading("Look into your letters");
      await look("sign-in-asked");
      const [first] = await letters(demo, 1);
      assert.deepEqual(first.to, [RECRUITER]);
      const link = linkIn(first);
      demo.secret("the sign-in link's token", link.split("token=")[1]);

      // In another browser it opens nothing; and what only looks at a link has not used it up.
      const other = await browser.newContext();
      const stranger = await other.newPage();
      await stranger.goto(link);
      await stranger.getByRole("heading", { name: "This link does not open anything here" }).waitFor();
      await other.close();
      await page.goto(link);
      await heading("Interviews");
      assert.ok(!page.url().includes("token"), "the secret has left the address");
      const kept = await page.evaluate(() => ({ ...localStorage }));
      demo.secret("the refresh token", kept["vivavoce.recruiter.refresh"]);
      assert.ok(Object.values(kept).every((value) => !value.startsWith("eyJ")), "no access token is kept");
      await page.getByText("No interview yet.").waitFor();
      await look("interviews-none");

      await page.getByRole("link", { name: "Positions" }).click();
      await heading("Positions");
      await page.getByRole("link", { name: "Software engineer, data services" }).waitFor();
      await look("positions");
      await page.getByRole("link", { name: "New position" }).click();
      await heading("New position");
      await page.getByLabel("Title").fill("Ferry engineer");
      await page.getByLabel("Description").fill("You keep two ferries running.");
      await page.getByLabel("Language").fill("english please");
      await page.getByLabel("Question 1", { exact: true }).fill("What did you mend last?");
      await page.getByLabel("Follow-ups to question 1").fill("How did you know?\n");
      await press("Another question");
      await page.getByLabel("Question 2", { exact: true }).fill("How do you plan a week?");
      await press("Save");
      await page.getByText("This should be a BCP 47 tag such as en or de-CH.").waitFor();
      await look("position-refused");
      await page.getByLabel("Language").fill("en-GB");
      await press("Save");
      await heading("Ferry engineer");
      await look("position");
      await page.getByLabel("Minutes at most").fill("12");
      await press("Save");
      await page.getByText("Saved. Interviews that begin from now on have it so.").waitFor();
      await page.reload();
      await heading("Ferry engineer");
      assert.equal(await page.getByLabel("Minutes at most").inputValue(), "12");
      assert.equal(await page.getByLabel("Follow-ups to question 1").inputValue(), "How did you know?");

      await page.getByRole("link", { name: "Candidates" }).click();
      await heading("Candidates");
      await look("candidates");
      await page.getByRole("link", { name: "New candidate" }).click();
      await page.getByLabel("Name").fill("Ada <b>Lovelace</b>");
      await page.getByLabel("E-mail address").fill("ada@candidates.example");
      await look("candidate");
      await press("Save and invite");
      await heading("Invite to an interview");
      await page.getByLabel("Candidate").getByText("Ada <b>Lovelace</b>").waitFor({ state: "attached" });
      await page.getByLabel("Position").selectOption({ label: "Ferry engineer" });
      await look("invite");
      await press("Invite");
      await page.getByText("A letter with the link is on its way.").waitFor();
      await look("invited");

      await page.getByRole("link", { name: "Invitations" }).click();
      await heading("Invitations");
      await page.getByRole("rowheader", { name: "Ada <b>Lovelace</b>" }).waitFor();
      await look("invitations");
      await page.getByRole("button", { name: "Send again: Ada <b>Lovelace</b>" }).click();
      const caught = await letters(demo, 3);
      assert.deepEqual(caught.slice(1).map(({ to }) => to[0]), ["ada@candidates.example", "ada@candidates.example"]);
      caught.slice(1).forEach((letter, at) => demo.secret(`invitation ${at}`, linkIn(letter).split("token=")[1]));
      const letter = await context.newPage();
      for (const [width, height] of SIZES) {
        await letter.setViewportSize({ width, height });
        await letter.goto(`${demo.mail_url}/${caught[2].number}`);
        await letter.getByRole("heading", { name: "Your interview for Ferry engineer" }).waitFor();
        await mustBeAccessible(letter, "the letter");
        await letter.screenshot({ path: join(OUT, `letter-${width}.png`), fullPage: true });
      }
      await letter.close();

      // The candidate: by the letter that counts, not by the one before.
      const candidate = await newCandidate(browser);
      await candidate.page.goto(linkIn(caught[1]));
      await candidate.page.getByRole("heading", { name: "We don't know this link" }).waitFor();
      await toCheck(candidate.page, linkIn(caught[2]));
      await throughCheck(candidate.page);
      await candidate.page.locator('.utterance[data-speaker="ai"][data-final="true"]').first().waitFor({ timeout: 30_000 });
      const { sessionId } = await visitOf(candidate.page, demo);
      await candidate.page.getByRole("button", { name: "Type instead" }).click();
      const words = "I mended a bilge pump with a bicycle tube <i>at sea</i>.";
      await candidate.page.getByLabel("Your answer").fill(words);
      await candidate.page.keyboard.press("Enter");
      await candidate.page.locator('.utterance[data-speaker="candidate"]').getByText(words).waitFor();
      await candidate.page.getByRole("button", { name: "End", exact: true }).click();
      await candidate.page.getByRole("button", { name: "End it now" }).click();
      await candidate.page.getByRole("heading", { name: "Thank you" }).waitFor({ timeout: 30_000 });
      assert.deepEqual(candidate.faults, []);

      await page.getByRole("link", { name: "Interviews" }).click();
      await heading("Interviews");
      await page.getByText("Held, ended by the candidate").waitFor();
      await look("interviews");
      await page.getByRole("link", { name: "Ada <b>Lovelace</b>" }).click();
      await heading("Ada <b>Lovelace</b>");
      assert.ok(page.url().endsWith(`/recruiter/interviews/${sessionId}`), "an address that can be sent to somebody");
      await page.locator('.record [data-speaker="candidate"]').getByText(words).waitFor();
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.keyboard.press("k");
      assert.equal(await page.evaluate(() => [...document.querySelectorAll(".record > li")].indexOf(document.activeElement)), 0);
      await look("interview");
      await page.goBack();
      await heading("Interviews");

      await press("Sign out");
      await heading("Sign in");
      await page.reload();
      await heading("Sign in");
      assert.deepEqual(faults, []);
    } finally {
      await close(browser);
    }
  }));
