/**
 * What the tests of other clients share: a visit without our pages, their microphone's file, a page on the relay's own
 * origin, and the record set against what the simulator says that it said and heard.
 */

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderVoice } from "./voice.mjs";

const POLL_MS = 200;
/** Longer than any question of the simulator's with the silence that ends a turn, so that neither cuts the other off. */
const SILENCE_S = 9;
const ANSWERS = [
  "I look after payments.",
  "We replaced the old module.",
  "I would measure first.",
  "I ask before I assume.",
  "Thank you, that is all.",
  "Yes, goodbye to you.",
  "I have nothing to add.",
  "Good day.",
];

/** A microphone's file: quiet while the greeting is spoken, then an answer every so often. */
export function answersFile(lead = 11) {
  const wav = join(mkdtempSync(join(tmpdir(), "vivavoce-voice-")), "candidate.wav");
  renderVoice(wav, [lead, ...ANSWERS.flatMap((answer) => [answer, SILENCE_S]), 240]);
  return wav;
}

/** Redeems the demo's invitation and opens its session, as the page does: `{ sessionId, token }`. */
export async function visit(demo) {
  const { access_token: token, invitation_id } = await post(`${demo.http}/api/invitations/redeem`, undefined, { token: demo.invitation_token });
  const { session_id: sessionId } = await post(`${demo.http}/api/sessions`, token, { invitation_id });
  return { sessionId, token };
}

export async function post(url, token, body) {
  const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** An empty page on the relay's own origin, without the content policy of its pages. */
export async function blankPage(page, demo) {
  const url = `${demo.http}/blank-for-a-test`;
  await page.route(url, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>A client</title>" }));
  await page.goto(url);
}

/** Asks until the answer is met; what was seen then, or a failure that says what was there instead. */
export async function until(ask, ms, words) {
  const deadline = Date.now() + ms;
  for (;;) {
    // A busy machine may cut a question short: that is no answer, and asked again.
    const { met, seen } = await ask().catch((error) => ({ met: false, seen: String(error.cause ?? error) }));
    if (met) return seen;
    if (Date.now() > deadline) throw new Error(`not within ${ms / 1000} s: ${words}; was ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function untilCompleted(demo, { sessionId, token }, ms) {
  return until(
    async () => {
      const seen = await demo.session(sessionId, token);
      return { met: seen.status === "completed", seen };
    },
    ms,
    "the session is completed",
  );
}

/** The stored record is what was said and heard, in order, each once. Gives it back. */
export async function mustBeTheRecord(demo, { sessionId, token }, turnsMin) {
  const { calls } = await demo.calls();
  assert.equal(calls.length, 1, "one call to the AI side");
  const voiced = calls[0].items.filter(({ role, words }) => (role === "user" || role === "assistant") && (words ?? "").trim() !== "");
  // The store keeps no white space at the ends: a cut sentence may have some.
  const wanted = voiced.map(({ id, words }) => ({ item_id: id, text: words.trim() }));
  const stored = await demo.transcript(sessionId, token);
  assert.deepEqual(stored.map(({ item_id, text }) => ({ item_id, text })), wanted, "the record holds each item once, in order, in its words");
  const turns = stored.filter(({ speaker }) => speaker === "candidate").length;
  assert.ok(turns >= turnsMin, `at least ${turnsMin} turns, were ${turns}`);
  assert.deepEqual(stored.map(({ sequence_number: n, sequence = n }) => sequence), [...stored.keys()].map((n) => n + 1), "numbered from 1 without a gap");
  return stored;
}

/**
 * Sound, not a connection state: `sound` as `decoded` gives it. Energy is summed by the browser's own sound thread (squared
 * level times seconds: a whole interview has about 3), so that it holds on a machine too busy for the page's timers.
 */
export function mustHaveHeard(sound, energyMin = 1) {
  const words = JSON.stringify(sound);
  assert.ok(sound.loudest > 0.03, `the voice was heard: ${words}`);
  assert.ok(sound.loudSeconds >= 0.25, `more than once: ${words}`);
  assert.ok(sound.energy > energyMin, `with the energy of an interview: ${words}`);
}
