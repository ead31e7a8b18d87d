/**
 * Every state of the candidate's pages at 360 and 1440, light and dark: accessible, nothing cut off or refused by the content
 * policy, a picture. What is rare in an interview (joining, a lost connection, a refused microphone) is held for as long as it takes
 * to look at.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate, quiet, toCheck } from "./candidate.mjs";
import { withDemo } from "./demo.mjs";
import { quietVoice } from "./voice.mjs";

const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));
mkdirSync(OUT, { recursive: true });

/** Stands in the page's socket: what the relay says passes, is kept back, or is lost. */
async function gateOf(page) {
  const gate = { lets: () => true, kept: [] };
  await page.routeWebSocket(/\/ws\?/, (browser) => {
    const relay = browser.connectToServer();
    relay.onMessage((text) => {
      if (gate.lets(JSON.parse(text))) browser.send(text);
      else gate.kept.push(() => browser.send(text));
    });
  });
  return {
    keep: (which) => {
      gate.lets = (frame) => !which(frame);
    },
    release: () => {
      gate.lets = () => true;
      for (const send of gate.kept.splice(0)) send();
    },
    forget: () => {
      gate.lets = () => true;
      gate.kept.length = 0;
    },
  };
}

/** The next question for the microphone is refused, as a person does it. */
function refuse() {
  const devices = navigator.mediaDevices;
  devices.getUserMedia = () => {
    delete devices.getUserMedia;
    return Promise.reject(new DOMException("", "NotAllowedError"));
  };
}

/** The peer connection seems lost. */
function lose() {
  const peer = window.vivavoceTest.peers.at(-1);
  Object.defineProperty(peer, "connectionState", { get: () => "disconnected" });
  peer.dispatchEvent(new Event("connectionstatechange"));
}

describe("the pages", { concurrency: 2 }, () => {
  for (const width of [360, 1440]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`at ${width}, ${colorScheme}`, { timeout: 240_000 }, () =>
        withDemo({}, async (demo) => {
          const browser = await launch(quietVoice());
          try {
            await demo.control("defaults", { think_ms: 100 });
            const { page, faults } = await newCandidate(browser, { viewport: { width, height: width === 360 ? 740 : 900 }, colorScheme });
            const gate = await gateOf(page);
            const press = (name) => page.getByRole("button", { name, exact: true }).click();
            const heading = (name) => page.getByRole("heading", { name }).waitFor();
            const look = async (name, { fullPage = true } = {}) => {
              await page.mouse.move(0, 0); // What was pressed last is not to look pressed.
              await mustBeAccessible(page, name);
              await page.screenshot({ path: join(OUT, `${name}-${width}-${colorScheme}.png`), fullPage });
            };
            const lookAtTalk = async (name) => {
              await look(name, { fullPage: false });
              assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), `${name}: the talk fits the window`);
            };

            await page.goto(`${demo.http}/`);
            await look("home");
            await page.goto(`${demo.http}/interview/join?token=${"0".repeat(64)}`);
            await heading("We don't know this link");
            await look("unknown-link");
            await page.goto(`${demo.http}/interview/018f0000-0000-7000-8000-0000000000ff`);
            await heading("This page needs your invitation again");
            await look("access-over");
            await page.goto(demo.invitation_url);
            await page.getByRole("button", { name: "I agree, begin" }).waitFor();
            assert.ok(!page.url().includes("token"), "the secret has left the address");
            await look("invitation");
            await press("Not now");
            await heading("Another time, then");
            await look("not-now");

            await toCheck(page, demo.invitation_url);
            await look("check");
            await press("Play the notes");
            await page.getByRole("button", { name: "Yes, I heard them" }).waitFor();
            await look("check-sound");
            await press("Yes, I heard them");
            await page.evaluate(refuse);
            await press("Use my microphone");
            await page.getByRole("alert").waitFor();
            await look("check-refused");
            await press("Try again");
            await page.getByRole("button", { name: "Start the interview" }).waitFor({ timeout: 30_000 });
            await quiet(page).catch(() => undefined);
            await look("check-ready");

            gate.keep(() => true);
            await press("Start the interview");
            await page.getByText("Connecting you with the interviewer").waitFor();
            await lookAtTalk("joining");
            gate.release();
            await page.locator('.utterance[data-speaker="ai"]').first().waitFor({ timeout: 20_000 });
            await lookAtTalk("interview");

            const words = `I would measure first, at ${width}, ${colorScheme}.`;
            // By keyboard alone: type instead, then think better of ending it.
            await page.getByRole("button", { name: "Type instead" }).press("Enter");
            await page.getByLabel("Your answer").fill(words);
            await page.keyboard.press("Enter");
            await page.locator('.utterance[data-speaker="candidate"]').getByText(words).waitFor();
            await page.locator('.utterance[data-speaker="ai"][data-final="true"]').nth(1).waitFor({ timeout: 20_000 });
            await lookAtTalk("interview-typing");
            await press("Close typing");

            gate.keep(({ type }) => type === "answer");
            await page.evaluate(lose);
            await page.getByText("Your connection is away.").waitFor();
            await lookAtTalk("reconnecting");
            gate.forget();
            await page.getByText("You are back.").waitFor({ timeout: 30_000 });
            await lookAtTalk("back");

            await page.getByRole("button", { name: "End", exact: true }).press("Enter");
            await page.getByRole("button", { name: "Go on talking" }).waitFor();
            await lookAtTalk("end");
            await page.keyboard.press("Escape");
            await page.getByRole("dialog").waitFor({ state: "detached" });
            await press("End");
            await press("End it now");
            await heading("Thank you for the talk");
            await page.locator(".transcript > li").first().waitFor();
            await look("closing");
            assert.deepEqual(faults, []);
          } finally {
            await close(browser);
          }
        }));
    }
  }
});
