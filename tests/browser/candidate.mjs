/**
 * A candidate in Debian's Chromium: a microphone fed from a file, and the way from the link to the closing page.
 *
 * What was decoded is read from the sound itself (an analyser on the remote track) and from getStats, through the page's own
 * RTCPeerConnections, which are only remembered here.
 */

import { chromium } from "playwright-core";

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

export async function newCandidate(browser, { viewport = { width: 1440, height: 900 }, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce", locale: "en-GB" });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text());
  });
  await page.addInitScript(listen);
  return { context, page, faults };
}

/** Runs in the page before its own scripts. */
export function listen() {
  const Real = window.RTCPeerConnection;
  const heard = { peers: [], loudest: 0, loud: 0, looks: 0 };
  window.vivavoceTest = heard;
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      heard.peers.push(this);
      this.addEventListener("track", ({ track }) => {
        const context = new AudioContext();
        const analyser = context.createAnalyser();
        context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        setInterval(() => {
          analyser.getFloatTimeDomainData(samples);
          const rms = Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length);
          heard.looks += 1;
          heard.loudest = Math.max(heard.loudest, rms);
          if (rms > 0.01) heard.loud += 1;
        }, 50);
      });
    }
  };
}

/** The sound that this page decoded, so far. */
export async function decoded(page) {
  return page.evaluate(async () => {
    const { peers, loudest, loud, looks } = window.vivavoceTest;
    let energy = 0;
    let concealed = 0;
    let samples = 0;
    for (const peer of peers) {
      // Firefox never answers for one that is closed.
      const closed = new Promise((resolve) => setTimeout(resolve, 1_000, new Map()));
      for (const entry of (await Promise.race([peer.getStats(), closed])).values()) {
        if (entry.type !== "inbound-rtp" || entry.kind !== "audio") continue;
        energy += entry.totalAudioEnergy ?? 0;
        concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
        samples += entry.totalSamplesReceived ?? 0;
      }
    }
    return { peers: peers.length, loudest, loudSeconds: loud / 20, seconds: looks / 20, energy, concealed: samples === 0 ? 0 : concealed / samples };
  });
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
function quiet(page) {
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

/** Who this tab is, from what it remembers. */
export async function visitOf(page) {
  return page.evaluate(() => {
    const key = Object.keys(sessionStorage).find((name) => name.startsWith("vivavoce.visit."));
    const { visit } = JSON.parse(sessionStorage.getItem(key));
    return { sessionId: visit.session.sessionId, accessToken: visit.accessToken };
  });
}
