/**
 * A whole interview on the real candidate page in Debian's Firefox, over WebDriver BiDi.
 *
 * Its microphone is made in the page by WebAudio: it answers when it has heard the interviewer and then a second of silence,
 * from the decoded sound alone. Everything else, the peer connection and the sound that is decoded, is Firefox's own.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import puppeteer from "puppeteer-core";
import { decoded, listen, visitOf } from "./candidate.mjs";
import { startDemo } from "./demo.mjs";
import { startSound } from "./sound.mjs";
import { mustBeTheRecord, mustHaveHeard, until, untilCompleted } from "./visit.mjs";

const STEP_MS_MAX = 45_000;
const INTERVIEW_MS_MAX = 180_000;

function launchFirefox(env) {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX_BIN ?? "/usr/bin/firefox-esr",
    headless: true,
    timeout: 90_000,
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

/** Runs in the page before its own scripts, after `listen`. */
function microphone() {
  if (navigator.mediaDevices === undefined) return; // The empty page before ours is no secure context.
  const SYLLABLES = 8;
  const SPEECH_S = SYLLABLES * 0.2;
  const QUIET_MS = 1_200;
  const PATIENCE_MS = 12_000;
  let voice;
  const start = () => {
    const context = new AudioContext();
    const gate = new GainNode(context, { gain: 0 });
    const throat = new OscillatorNode(context, { type: "sawtooth", frequency: 140 });
    const noise = new AudioBuffer({ length: context.sampleRate, sampleRate: context.sampleRate });
    noise.getChannelData(0).forEach((_, at, samples) => (samples[at] = Math.random() * 0.6 - 0.3));
    const breath = new AudioBufferSourceNode(context, { buffer: noise, loop: true });
    throat.connect(gate);
    breath.connect(gate);
    throat.start();
    breath.start();
    return { context, gate };
  };
  const speak = () => {
    const { context, gate } = voice;
    const from = context.currentTime + 0.02;
    for (let syllable = 0; syllable < SYLLABLES; syllable += 1) {
      gate.gain.setValueAtTime(0.4, from + syllable * 0.2);
      gate.gain.setValueAtTime(0.1, from + syllable * 0.2 + 0.14);
    }
    gate.gain.setValueAtTime(0, from + SPEECH_S + 0.01);
  };
  const heard = window.vivavoceTest;
  heard.answers = 0;
  let spokeAt = -Infinity;
  let loud = 0;
  let loudAt = null;
  const turn = () => {
    const now = performance.now();
    if (heard.loud > loud) loudAt = now;
    loud = heard.loud;
    if (now - spokeAt < SPEECH_S * 1_000) return;
    const alone = heard.peers.length === 0; // The device check: nobody to listen to.
    const answer = loudAt !== null && loudAt > spokeAt && now - loudAt > QUIET_MS;
    const forgotten = now - spokeAt > PATIENCE_MS && loudAt !== null && now - loudAt > PATIENCE_MS;
    if ((alone && now - spokeAt > 3_000) || answer || forgotten) {
      spokeAt = now;
      speak();
      if (!alone) heard.answers += 1;
    }
  };
  const capture = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const captured = [];
  const getUserMedia = async () => {
    captured.push(await capture({ audio: true }));
    if (voice === undefined) {
      voice = start();
      setInterval(turn, 50);
    }
    const destination = new MediaStreamAudioDestinationNode(voice.context, { channelCount: 1 });
    voice.gate.connect(destination);
    return destination.stream;
  };
  navigator.mediaDevices.getUserMedia = getUserMedia;
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

test("an interview in Firefox from the link to the closing page", { timeout: 240_000 }, async () => {
  const sound = await startSound();
  let demo;
  let firefox;
  try {
    demo = await startDemo();
    // Five questions, the first with the greeting: five turns of the candidate's.
    await demo.control("defaults", { questions: 5, think_ms: 100 });
    firefox = await launchFirefox(sound.env);
    assert.match(await firefox.version(), /^firefox\//i);
    const page = await firefox.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(error.message));
    await page.evaluateOnNewDocument(listen);
    await page.evaluateOnNewDocument(microphone);
    await page.goto(demo.invitation_url);
    await press(page, "I agree, begin");
    await press(page, "Play the notes");
    await press(page, "Yes, I heard them");
    await press(page, "Use my microphone");
    await press(page, "Start the interview");
    await until(
      async () => {
        const seen = await decoded(page);
        return { met: seen.peers > 0 && seen.loudSeconds >= 0.25, seen };
      },
      STEP_MS_MAX,
      "the greeting is heard",
    );
    const { sessionId, accessToken: token } = await visitOf(page);

    let during;
    await until(
      async () => {
        const now = await decoded(page);
        if (during === undefined || now.energy >= during.energy) during = now;
        const seen = await demo.session(sessionId, token);
        return { met: seen.status === "completed", seen: { ...seen, during } };
      },
      INTERVIEW_MS_MAX,
      "the interview is over",
    );
    await heading(page, "Thank you for the talk");
    await untilCompleted(demo, { sessionId, token }, 5_000);
    mustHaveHeard(during);
    assert.ok(during.concealed < 0.1, `little of it is invented: ${JSON.stringify(during)}`);
    const stored = await mustBeTheRecord(demo, { sessionId, token }, 5);
    assert.equal((await page.$$(".transcript > li")).length, stored.length, "the closing page shows the record");
    assert.deepEqual(faults, []);
  } catch (error) {
    console.error(demo?.log().split("\n").slice(-40).join("\n"));
    throw error;
  } finally {
    await firefox?.close();
    await demo?.stop();
    await sound.stop();
  }
});
