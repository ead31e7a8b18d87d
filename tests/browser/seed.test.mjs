/**
 * The seed's client code, pasted into a page unchanged, holds an interview.
 *
 * `seed/*.js` are its sections 3, 5 and 6 to the letter; what they call and do not define is stood in for here. As it is, its
 * channel `openai-control` comes after its offer and never opens: the server's own settings and tap carry the interview.
 * With that one line moved before the offer the channel opens, and what its code then posts doubles nothing.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { close, launch, newCandidate } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { decoded, mustHaveHeard } from "./ear.mjs";
import { answersFile, blankPage, mustBeTheRecord, untilCompleted, visit } from "./visit.mjs";

const [WEBRTC, TRANSCRIPT, COMPLETION] = ["3-webrtc", "5-transcript", "6-completion"].map((name) => readFileSync(new URL(`seed/${name}.js`, import.meta.url), "utf8"));
const CHANNEL = "    const dataChannel = peerConnection.createDataChannel('openai-control');\n";
const OFFER = "    // Create offer\n";
/** Five questions, the first with the greeting: five turns of the candidate's. */
const DEFAULTS = { questions: 5, think_ms: 100 };
const INTERVIEW_MS_MAX = 180_000;

function channelFirst() {
  assert.equal(WEBRTC.split(CHANNEL).length, 2);
  assert.equal(WEBRTC.split(OFFER).length, 2);
  return WEBRTC.replace(CHANNEL, "").replace(OFFER, CHANNEL + OFFER);
}

/** The page's script: the seed's code in one scope, with stand-ins for what it leaves to others. */
function script(webrtc, { sessionId, token }) {
  return `(async () => {
const seen = window.seed = { entries: [], posted: 0, completed: false, errors: [], channel: () => "none", gatheringMs: null };
const realFetch = window.fetch;
window.fetch = (url, init) => { if (url === "/api/transcript") seen.posted += 1; return realFetch(url, init); };
console.error = (...words) => seen.errors.push(words.map(String).join(" "));
const sessionId = ${JSON.stringify(sessionId)};
const token = ${JSON.stringify(token)};
const pendingTranscripts = seen.pending = [];
const recorder = undefined;
const addTranscriptEntry = (entry) => seen.entries.push(entry);
const showCompletionScreen = () => { seen.completed = true; };
${webrtc}
const began = performance.now();
const { peerConnection, dataChannel, stream } = await setupWebRTC(sessionId, token);
seen.setUpMs = Math.round(performance.now() - began);
seen.channel = () => dataChannel.readyState;
seen.opened = dataChannel.readyState === "open"; // before the answer was taken here, where this page had to wait
dataChannel.addEventListener("open", () => { seen.opened = true; });
${TRANSCRIPT}
${COMPLETION}
})()`;
}

/** The seed's code plays nothing; the page that holds it does. */
function play() {
  const Outer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Outer {
    constructor(...args) {
      super(...args);
      this.addEventListener("track", ({ track }) => {
        const audio = new Audio();
        audio.srcObject = new MediaStream([track]);
        void audio.play();
      });
    }
  };
}

const look = (page) => page.evaluate(() => ({ ...window.seed, channel: window.seed.channel() }));

const withSeed = (database, webrtc, body) =>
  withDemo({ database, apart: database === "postgres" }, async (demo) => {
    await demo.control("defaults", DEFAULTS);
    const browser = await launch(answersFile());
    try {
      const { page, faults } = await newCandidate(browser);
      await page.addInitScript(play);
      await blankPage(page, demo);
      const who = await visit(demo);
      await page.evaluate(script(webrtc, who));
      await body({ demo, page, who });
      assert.deepEqual(faults, []);
    } finally {
      await close(browser);
    }
  });

describe("the seed's client code", { concurrency: true }, () => {
  for (const database of ["sqlite", "postgres"]) {
    test(`unchanged, kept in ${database}: its channel never opens, the interview is whole`, { timeout: 240_000 }, () =>
      withSeed(database, WEBRTC, async ({ demo, page, who }) => {
        await untilCompleted(demo, who, INTERVIEW_MS_MAX);
        const seen = await look(page);
        assert.equal(seen.opened, false, "the channel is not in the offer");
        assert.deepEqual(seen.entries, []);
        assert.deepEqual(seen.errors, []);
        const { call } = await mustBeTheRecord(demo, who, 5);
        mustHaveHeard(await decoded(page), call);
        assert.ok(seen.setUpMs < 15_000, `set up in ${seen.setUpMs} ms`);
      }));
  }

  test("its channel before the offer: opens, ends the interview, and its posts double nothing", { timeout: 240_000 }, () =>
    withSeed("sqlite", channelFirst(), async ({ demo, page, who }) => {
      await until(
        async () => {
          const seen = await look(page);
          return { met: seen.completed, seen: { ...seen, entries: seen.entries.length } };
        },
        INTERVIEW_MS_MAX,
        "the seed's completion screen is shown",
      );
      await untilCompleted(demo, who, 10_000);
      const seen = await look(page);
      assert.equal(seen.opened, true);
      assert.equal(seen.channel, "closed");
      assert.deepEqual(seen.errors, []);
      assert.deepEqual(seen.pending, []);
      const { stored, call } = await mustBeTheRecord(demo, who, 5);
      mustHaveHeard(await decoded(page), call);

      // What its own code read from the events is what was said, by both.
      assert.ok(seen.posted >= stored.length, `posted ${seen.posted} for ${stored.length} entries`);
      const ofCandidate = stored.filter(({ speaker }) => speaker === "candidate").map(({ text }) => text);
      // The service ends a transcription in a line break, which the seed's code keeps.
      assert.deepEqual(seen.entries.filter(({ speaker }) => speaker === "candidate").map(({ text }) => text), ofCandidate.map((text) => `${text}\n`));
      const said = seen.entries.filter(({ speaker }) => speaker === "ai").map(({ text }) => text).join("");
      const spoken = stored.filter(({ speaker }) => speaker === "ai").map(({ text }) => text).join("");
      assert.equal(said.replace(/\s+/g, ""), spoken.replace(/\s+/g, ""));

      // And nothing of it stands beside the record.
      const all = await fetch(`${demo.http}/api/sessions/${who.sessionId}/transcript?reported=true`, { headers: { authorization: `Bearer ${who.token}` } });
      assert.equal((await all.json()).entries.length, stored.length, "no entry is reported twice");
    }));
});
