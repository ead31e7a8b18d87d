/**
 * Chromium on a network that loses one datagram in twenty each way, and then goes away for good in the middle of an interview:
 * the page restarts ICE, the interview goes on over the new way, and its record is whole. No new peer, no second greeting.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { answering } from "./answering.mjs";
import { close, launch, newCandidate, throughCheck, toCheck, visitOf } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { decoded, mustHaveHeard } from "./ear.mjs";
import { nat, relayOf, withoutCandidates } from "./nat.mjs";
import { mustBeTheRecord, untilCompleted } from "./visit.mjs";

const LOSS = 0.05;
const QUESTIONS = 5;
const INTERVIEW_MS_MAX = 120_000;
/** What was spoken while the way was away, and what was lost, is not heard, or heard faster than it was spoken. */
const HEARD_MIN = 0.5;

/** Stands in the page's socket: the browser and the relay know each other by a NAT's address alone, a new one for each answer. */
async function behindNats(page) {
  const ways = [];
  const offers = [];
  await page.routeWebSocket(/\/ws\?/, (browser) => {
    const relay = browser.connectToServer();
    browser.onMessage((text) => {
      if (typeof text !== "string") return relay.send(text); // speech that the page kept
      const frame = JSON.parse(text);
      if (frame.type === "candidate") return;
      if (frame.type === "offer") {
        offers.push({ ufrag: /^a=ice-ufrag:(\S+)/m.exec(frame.sdp)[1], fingerprint: /^a=fingerprint:(.*)\r$/m.exec(frame.sdp)[1] });
        frame.sdp = withoutCandidates(frame.sdp);
      }
      relay.send(JSON.stringify(frame));
    });
    relay.onMessage(async (text) => {
      const frame = JSON.parse(text);
      if (frame.type === "candidate") return;
      if (frame.type === "answer") {
        const way = await nat(relayOf(frame.sdp), { loss: LOSS, seed: ways.length + 1 });
        ways.push(way);
        frame.sdp = way.answer(frame.sdp);
      }
      browser.send(JSON.stringify(frame));
    });
  });
  return { ways, offers, stop: () => ways.forEach((way) => way.stop()) };
}

test("ICE is restarted when the way is lost, and the interview goes on", { timeout: 240_000 }, () =>
  withDemo({}, async (demo) => {
    await demo.control("defaults", { questions: QUESTIONS, think_ms: 100 });
    const browser = await launch();
    let network;
    try {
      const { page, faults } = await newCandidate(browser);
      await page.addInitScript(answering);
      network = await behindNats(page);
      await toCheck(page, demo.invitation_url);
      await throughCheck(page);
      await page.locator('.utterance[data-speaker="candidate"][data-final="true"]').first().waitFor({ timeout: 45_000 });
      const { sessionId, accessToken: token } = await visitOf(page, demo);
      const before = (await demo.transcript(sessionId, token)).length;
      const [first] = network.ways;
      assert.ok(first.counts.lost > 0 && first.counts.passed > 10 * first.counts.lost, `some is lost: ${JSON.stringify(first.counts)}`);

      first.cut();
      await until(async () => ({ met: network.ways.length === 2, seen: network.offers.length }), 30_000, "a new offer is answered");
      const [offered, again] = network.offers;
      assert.notEqual(again.ufrag, offered.ufrag, "ICE was restarted");
      assert.equal(again.fingerprint, offered.fingerprint, "on the same peer");
      await until(
        async () => {
          const { legs, status } = await demo.session(sessionId, token);
          return { met: status === "in_progress" && legs.candidate === "up" && legs.ai === "up", seen: { legs, status } };
        },
        5_000,
        "both legs are up",
      );

      await untilCompleted(demo, { sessionId, token }, INTERVIEW_MS_MAX);
      await page.getByRole("heading", { name: "Thank you for the talk" }).waitFor({ timeout: 10_000 });
      const { stored, call } = await mustBeTheRecord(demo, { sessionId, token }, QUESTIONS);
      assert.ok(stored.length >= before + 2 * (QUESTIONS - 1), `it went on: ${before} entries, then ${stored.length}`);
      const sound = await decoded(page);
      assert.deepEqual([sound.peers, network.offers.length], [1, 2], "one peer all the way, and no offer more");
      mustHaveHeard(sound, call, HEARD_MIN);
      assert.ok(network.ways[1].counts.lost > 0, "the new way loses some too");
      assert.deepEqual(faults, []);
    } finally {
      await close(browser);
      network?.stop();
    }
  }));
