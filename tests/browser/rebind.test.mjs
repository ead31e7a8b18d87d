/**
 * A NAT that forgets, between Chromium and the relay: from one moment to the next the browser's datagrams come from another
 * port, and what is sent to the old one is lost. The relay follows by itself: no ICE restart, no new offer, sound both ways.
 * (With that remedy alone switched off nothing is heard again: `media/src/leg/remedies/tests.rs`.)
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { close, launch, newCandidate } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { nat, relayOf, withoutCandidates } from "./nat.mjs";
import { blankPage, post, visit } from "./visit.mjs";

const PACKETS_A_SECOND = 50;

/** In the page: an offer. */
async function offer() {
  const peer = (window.peer = new RTCPeerConnection());
  const media = await navigator.mediaDevices.getUserMedia({ audio: true });
  media.getTracks().forEach((track) => peer.addTrack(track, media));
  window.states = [];
  peer.addEventListener("iceconnectionstatechange", () => window.states.push(peer.iceConnectionState));
  await peer.setLocalDescription();
  return peer.localDescription.sdp;
}

const counts = (page) =>
  page.evaluate(async () => {
    let heard = 0;
    for (const entry of (await window.peer.getStats()).values()) if (entry.type === "inbound-rtp") heard = entry.packetsReceived;
    return { heard, states: window.states, state: window.peer.connectionState };
  });

test("a browser whose NAT gives it another port is followed, and nothing is negotiated", { timeout: 90_000 }, () =>
  withDemo({}, async (demo) => {
    const browser = await launch();
    let net;
    try {
      const { page } = await newCandidate(browser);
      await blankPage(page, demo);
      const { sessionId, token } = await visit(demo);
      const { sdpAnswer } = await post(`${demo.http}/api/sdp-exchange`, token, { sessionId, sdpOffer: withoutCandidates(await page.evaluate(offer)) });
      net = await nat(relayOf(sdpAnswer));
      await page.evaluate((sdp) => window.peer.setRemoteDescription({ type: "answer", sdp }), net.answer(sdpAnswer));

      const heardOn = async (words) => {
        const { heard: before } = await counts(page);
        await until(
          async () => {
            const seen = await counts(page);
            return { met: seen.heard >= before + 3 * PACKETS_A_SECOND, seen };
          },
          20_000,
          words,
        );
      };
      await heardOn("the interviewer is heard");
      const { states: before } = await counts(page);
      for (const nth of ["once", "and again"]) {
        const was = net.outer();
        await net.rebind();
        assert.notEqual(net.outer(), was);
        await heardOn(`the interviewer is heard on, ${nth}`);
      }
      const { states, state } = await counts(page);
      assert.deepEqual([states, state], [before, "connected"], "the browser noticed nothing");
      const { legs, status } = await demo.session(sessionId, token);
      assert.deepEqual([legs, status], [{ candidate: "up", ai: "up" }, "in_progress"]);
      assert.equal((await demo.calls()).calls.length, 1, "one conversation");
    } finally {
      await close(browser);
      net?.stop();
    }
  }));
