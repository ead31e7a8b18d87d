/**
 * A public WHIP client in Chromium, `@eyevinn/whip-web-client` from npm, unmodified: as it is (sending only), and through its
 * `peerConnectionFactory` both ways. WHIP reaches the same leg as our own page.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { close, launch, newCandidate } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { decoded, mustHaveHeard } from "./ear.mjs";
import { answersFile, blankPage, mustBeTheRecord, post, untilCompleted, visit } from "./visit.mjs";

const INTERVIEW_MS_MAX = 180_000;

/** The package's files as published, and the least of a CommonJS loader to run them in a page. */
function client() {
  const { resolve } = createRequire(import.meta.url);
  const sdp = createRequire(resolve("@eyevinn/whip-web-client")).resolve("sdp-transform");
  const files = {
    "@eyevinn/whip-web-client": resolve("@eyevinn/whip-web-client"),
    events: createRequire(resolve("@eyevinn/whip-web-client")).resolve("events/"),
    "sdp-transform": sdp,
    ...Object.fromEntries(["parser", "writer", "grammar"].map((name) => [`./${name}`, createRequire(sdp).resolve(`./${name}`)])),
  };
  const modules = Object.entries(files).map(([name, file]) => `${JSON.stringify(name)}: (module, exports, require) => {${readFileSync(file, "utf8")}\n}`);
  return `(() => {
const modules = {${modules.join(",\n")}};
const loaded = {};
const require = (name) => {
  if (!(name in loaded)) { const module = { exports: {} }; loaded[name] = module; modules[name](module, module.exports, require); }
  return loaded[name].exports;
};
window.WHIPClient = require("@eyevinn/whip-web-client").WHIPClient;
})()`;
}

/** In the page: joins, and notes what the relay answered. */
async function join({ endpoint, token, both }) {
  const seen = (window.whip = { answers: [], errors: [] });
  const realFetch = window.fetch;
  window.fetch = async (url, init) => {
    const response = await realFetch(url, init);
    seen.answers.push({ method: init?.method ?? "GET", status: response.status });
    return response;
  };
  const peers = [];
  const make = (configuration) => {
    const peer = new RTCPeerConnection(configuration);
    peers.push(peer);
    if (both) {
      // The client asks for an offer that only sends. Ours receives as well, and is played.
      const createOffer = peer.createOffer.bind(peer);
      peer.createOffer = () => createOffer();
      peer.addEventListener("track", ({ track }) => {
        const audio = new Audio();
        audio.srcObject = new MediaStream([track]);
        void audio.play();
      });
    }
    return peer;
  };
  const client = new window.WHIPClient({ endpoint, opts: { authkey: token, iceServers: [] }, peerConnectionFactory: make });
  client.on("error", (error) => seen.errors.push(String(error)));
  window.whipClient = client;
  await client.ingest(await navigator.mediaDevices.getUserMedia({ audio: true }));
  const [peer] = peers;
  window.whipDescriptions = () => ({
    offer: /a=(sendrecv|sendonly|recvonly|inactive)/.exec(peer.localDescription.sdp)[1],
    answer: /a=(sendrecv|sendonly|recvonly|inactive)/.exec(peer.remoteDescription.sdp)[1],
    state: peer.connectionState,
  });
  return window.whipDescriptions();
}

const withWhip = ({ both, questions }, body) =>
  withDemo({}, async (demo) => {
    await demo.control("defaults", { questions, think_ms: 100 });
    const browser = await launch(answersFile());
    try {
      const { page, faults } = await newCandidate(browser);
      await blankPage(page, demo);
      await page.evaluate(client());
      const who = await visit(demo);
      const said = await page.evaluate(join, { endpoint: `${demo.http}/whip/${who.sessionId}`, token: who.token, both });
      await body({ demo, page, who, said });
      assert.deepEqual(faults, []);
      assert.deepEqual(await page.evaluate(() => window.whip.errors), []);
    } finally {
      await close(browser);
    }
  });

const answers = (page, method) => page.evaluate((wanted) => window.whip.answers.filter((answer) => answer.method === wanted).map(({ status }) => status), method);

describe("a public WHIP client", { concurrency: true }, () => {
  test("both ways: an interview is heard, and its record kept", { timeout: 240_000 }, () =>
    withWhip({ both: true, questions: 5 }, async ({ demo, page, who, said }) => {
      assert.equal(said.offer, "sendrecv");
      assert.equal(said.answer, "sendrecv");
      await untilCompleted(demo, who, INTERVIEW_MS_MAX);
      const { call } = await mustBeTheRecord(demo, who, 5);
      mustHaveHeard(await decoded(page), call);
      assert.deepEqual(await answers(page, "POST"), [201]);
      // Each trickled candidate was taken.
      const patched = await answers(page, "PATCH");
      assert.ok(patched.every((status) => status === 204), `PATCH: ${patched}`);
    }));

  test("as it is, sending only: it is heard, and leaves by DELETE", { timeout: 240_000 }, () =>
    withWhip({ both: false, questions: 5 }, async ({ demo, page, who, said }) => {
      assert.equal(said.offer, "sendonly");
      assert.equal(said.answer, "recvonly");
      await until(
        async () => {
          const turns = (await demo.transcript(who.sessionId, who.token)).filter(({ speaker }) => speaker === "candidate").length;
          return { met: turns >= 2, seen: { turns, session: await demo.session(who.sessionId, who.token) } };
        },
        90_000,
        "two turns are on record",
      );
      assert.equal((await demo.session(who.sessionId, who.token)).legs.candidate, "up");

      const resource = await page.evaluate(() => window.whipClient.getResourceUrl());
      await page.evaluate(() => window.whipClient.destroy());
      assert.deepEqual(await answers(page, "DELETE"), [200]);
      await until(
        async () => {
          const { legs, status } = await demo.session(who.sessionId, who.token);
          return { met: legs.candidate !== "up" && legs.candidate !== "connecting", seen: { legs, status } };
        },
        10_000,
        "the leg is gone",
      );
      // Gone is gone, and the interview waits for another way in.
      const again = await fetch(resource, { method: "DELETE", headers: { authorization: `Bearer ${who.token}` } });
      assert.equal(again.status, 404);
      assert.equal((await demo.session(who.sessionId, who.token)).status, "in_progress");

      await post(`${demo.http}/api/sessions/${who.sessionId}/complete`, who.token, {});
      await untilCompleted(demo, who, 15_000);
      await mustBeTheRecord(demo, who, 2, "candidate");
    }));
});
