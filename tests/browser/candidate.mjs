/** A candidate in Debian's Chromium: a microphone fed from a file, and the way from the link to the closing page. */

import { chromium } from "playwright-core";
import { within } from "./child.mjs";
import { listen } from "./ear.mjs";

const CLOSE_MS_MAX = 10_000;

export async function launch(wav) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      ...(wav === undefined ? [] : [`--use-file-for-fake-audio-capture=${wav}%noloop`]),
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
}

/** A browser that does not close in time is killed with this process, by Playwright. */
export async function close(browser) {
  await within(browser.close(), CLOSE_MS_MAX, "Chromium closes").catch(() => undefined);
}

export async function newCandidate(browser, { viewport = { width: 1440, height: 900 }, colorScheme = "light", ears = true } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce", locale: "en-GB" });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text());
  });
  if (ears) await page.addInitScript(listen);
  return { context, page, faults };
}

export async function toCheck(page, url) {
  await page.goto(url);
  await page.getByRole("button", { name: "I agree, begin" }).click();
  await page.getByRole("heading", { name: "Can we hear each other?" }).waitFor();
}

export async function throughCheck(page) {
  await page.getByRole("button", { name: "Play the notes" }).click();
  await page.getByRole("button", { name: "Yes, I heard them" }).click();
  await page.getByRole("button", { name: "Use my microphone" }).click();
  await page.getByRole("button", { name: "Start the interview" }).waitFor({ timeout: 30_000 });
  await quiet(page).catch(() => undefined); // A device that always beeps is never quiet.
  await page.getByRole("button", { name: "Start the interview" }).click();
}

/** The meter has been empty for a second: the sentence for the check is over. */
export function quiet(page) {
  return page.waitForFunction(
    () => {
      const loud = document.querySelector('.meter i[data-on="true"]') !== null;
      if (loud || window.vivavoceQuietSince === undefined) window.vivavoceQuietSince = performance.now();
      return performance.now() - window.vivavoceQuietSince > 1_000;
    },
    undefined,
    { timeout: 6_000 },
  );
}

/** The browser keeps the pages: from now on they come up without their host. */
export const pagesKept = (page) => page.evaluate(() => navigator.serviceWorker.ready.then(() => true));

/** Who this tab is, from what it remembers; what of it is secret must not be in the demo's log. */
export async function visitOf(page, demo) {
  const { visit, resume, passwords } = await page.evaluate(() => {
    const stored = (prefix) => JSON.parse(sessionStorage.getItem(Object.keys(sessionStorage).find((name) => name.startsWith(prefix))));
    const descriptions = window.vivavoceTest.peers.flatMap((peer) => [peer.localDescription, peer.remoteDescription]);
    const passwords = descriptions.flatMap((description) => [...(description?.sdp ?? "").matchAll(/^a=ice-pwd:(\S+)/gm)].map(([, password]) => password));
    return { visit: stored("vivavoce.visit.").visit, resume: stored("vivavoce.resume.").resume, passwords };
  });
  demo.secret("the candidate's token", visit.accessToken);
  demo.secret("the resume token", resume);
  passwords.forEach((password, at) => demo.secret(`password ${at} of SDP`, password));
  return { sessionId: visit.session.sessionId, accessToken: visit.accessToken };
}
