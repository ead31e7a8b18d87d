/**
 * What the tests of other clients share: a visit without our pages, their microphone's file, a page on the relay's own
 * origin, and the record set against what the simulator says that it said and heard.
 */

import assert from "node:assert/strict";
import { until } from "./child.mjs";
import { renderVoice } from "./voice.mjs";

/** Longer than any question of the simulator's with the silence that ends a turn, so that neither cuts the other off. */
const SILENCE_S = 8;
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
export const answersFile = (lead = 11) => renderVoice([lead, ...ANSWERS.flatMap((answer) => [answer, SILENCE_S]), 240]);

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

/**
 * The stored record is what was said and heard, in order, each once, letter by letter: as the API gives it, and as it stands in
 * the database. Gives it back, with the simulator's account.
 */
export async function mustBeTheRecord(demo, { sessionId, token }, turnsMin, endedBy = "interviewer") {
  const { calls } = await demo.calls();
  assert.equal(calls.length, 1, "one call to the AI side");
  const [call] = calls;
  const voiced = call.items.filter(({ role, words }) => (role === "user" || role === "assistant") && words !== "");
  const wanted = voiced.map(({ id, role, words, truncated_ms }, at) => ({
    item_id: id,
    speaker: role === "user" ? "candidate" : "ai",
    // A sentence that was cut off between two words ends in a blank, and the record keeps none at an end.
    text: truncated_ms === null ? words : words.trimEnd(),
    sequence_number: at + 1,
  }));
  const stored = await demo.transcript(sessionId, token);
  const picked = (rows) => rows.map(({ item_id, speaker, text, sequence_number }) => ({ item_id, speaker, text, sequence_number }));
  assert.deepEqual(picked(stored), wanted, "the record holds each item once, in order, in its words");
  assert.deepEqual(picked(await demo.rows(sessionId)), wanted, "and so does the database");
  const turns = stored.filter(({ speaker }) => speaker === "candidate").length;
  assert.ok(turns >= turnsMin, `at least ${turnsMin} turns, were ${turns}`);
  const spoken = call.items.filter(({ origin }) => origin === "said").map(({ words }) => words);
  assert.equal(new Set(spoken).size, spoken.length, "nothing is said twice: no second greeting");
  assert.deepEqual(await demo.sessionRows(), [{ id: sessionId, status: "completed", end_reason: endedBy }]);
  return { stored, call };
}
