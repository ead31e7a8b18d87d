/**
 * Each kind of outage as the candidate sees it where `outage-pictures.test.mjs` does not look: in the dark, and on a wide screen. The words in
 * the one live region, axe, and that all fits. Said to the page in the relay's own frames, which is quick: there each is really caused.
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
import { enter, mouth } from "./mouth.mjs";

const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));
mkdirSync(OUT, { recursive: true });

/** The page's socket in the test's hands: `says` speaks as the relay does; while `isShut`, nothing passes. */
async function socketOf(page) {
  const socket = { says: () => undefined, isShut: false, closes: () => undefined, acks: 0 };
  let seq = 2 ** 52; // above all that the relay gives
  await page.routeWebSocket(/\/ws\?/, (browser) => {
    const relay = browser.connectToServer();
    relay.onMessage((text) => {
      if (socket.isShut) return;
      if (typeof text === "string" && JSON.parse(text).type === "ack") socket.acks += 1;
      browser.send(text);
    });
    browser.onMessage((message) => !socket.isShut && relay.send(message));
    socket.says = (frame) => browser.send(JSON.stringify({ seq: (seq += 1), ...frame }));
    socket.closes = (code) => browser.close({ code });
  });
  return socket;
}

/** The page gets no sign of life from its peers: their figures stand still. */
function still() {
  const real = RTCPeerConnection.prototype.getStats;
  RTCPeerConnection.prototype.getStats = async function () {
    window.vivavoceStill ??= await real.call(this);
    return window.vivavoceStill;
  };
  window.vivavoceStirs = () => {
    RTCPeerConnection.prototype.getStats = real;
  };
}

for (const [width, colorScheme] of [[360, "dark"], [1440, "light"]]) {
  test(`every outage at ${width}, ${colorScheme}`, { timeout: 240_000 }, () =>
    withDemo({}, async (demo) => {
      const browser = await launch();
      try {
        await demo.control("defaults", { think_ms: 100 });
        const { context, page, faults } = await newCandidate(browser, { viewport: { width, height: width === 360 ? 740 : 900 }, colorScheme });
        await page.addInitScript(mouth);
        const socket = await socketOf(page);
        const status = page.locator('main [role="status"]');
        const look = async (name, words) => {
          await page.waitForFunction((want) => document.querySelector('main [role="status"]')?.textContent.startsWith(want), words, { timeout: 60_000 });
          assert.equal(await status.count(), 1, `${name}: one live region`);
          await page.mouse.move(0, 0);
          await mustBeAccessible(page, name);
          await page.screenshot({ path: join(OUT, `outage-${name}-${width}-${colorScheme}.png`) });
          assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), `${name}: the talk fits the window`);
        };
        const state = (ai) => socket.says({ type: "state", session: "live", candidate: "up", ai });

        await enter(page, demo);
        await page.locator('.utterance[data-speaker="ai"][data-final="true"]').first().waitFor({ timeout: 30_000 });
        await look("none", "Connected");
        // from the relay's first acknowledgement of what is said the page may promise
        await page.evaluate(() => window.vivavoceMouth.say("1234567890"));
        await until(async () => ({ met: socket.acks > 0, seen: socket.acks }), 20_000, "the relay acknowledges");

        socket.isShut = true;
        await page.evaluate(still);
        await look("connection-away", "Your connection is away. Go on if you like: what you say is kept.");
        await look("connection-away-long", "Your connection is away. Go on if you like: what you say is kept. If there is another network, try it.");
        socket.isShut = false;
        await page.evaluate(() => window.vivavoceStirs());
        await look("back", "You are back. Nothing was lost.");
        await look("well-again", "Connected");

        state("lost");
        await look("interviewer-away", "The interviewer is reconnecting. What you say is kept.");
        socket.says({ type: "notice", code: "ai_unreachable", text: "" });
        await look("interviewer-refused", "The interviewer can't be reached yet. You can wait here, or come back by the same link until ");
        state("up");
        socket.says({ type: "notice", code: "store_away", text: "" });
        await look("store-away", "Connected. Your answers are kept here until they can be filed.");
        socket.says({ type: "notice", code: "store_back", text: "" });
        await look("store-back", "Connected");

        await page.evaluate(() => window.vivavoceMouth.take());
        await look("microphone-taken", "Your computer has taken the microphone. Press here to go on.");
        await page.getByRole("button", { name: "Go on", exact: true }).click();
        await look("microphone-back", "Connected");

        socket.closes(4409);
        await page.getByRole("heading", { name: "The interview went on in another tab." }).waitFor();
        await mustBeAccessible(page, "second-tab");
        await page.screenshot({ path: join(OUT, `outage-second-tab-${width}-${colorScheme}.png`) });
        await page.getByRole("button", { name: "Return here" }).click();
        await look("returned", "Connected");

        socket.says({ type: "state", session: "failed", candidate: "up", ai: "gone" });
        socket.says({ type: "ended", reason: "failed", summaryPending: false });
        await page.getByRole("heading", { name: "We could not finish, and that was not you." }).waitFor();
        await mustBeAccessible(page, "failed");
        await page.screenshot({ path: join(OUT, `outage-failed-${width}-${colorScheme}.png`), fullPage: true });
        assert.deepEqual(faults, []);
        await context.close();
      } finally {
        await close(browser);
      }
    }));
}
