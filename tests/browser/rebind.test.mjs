/**
 * A NAT that forgets, between Chromium and the relay: from one moment to the next the browser's datagrams come from another
 * port, and what is sent to the old one is lost. The relay follows by itself: no ICE restart, no new offer, sound both ways.
 * (With that remedy alone switched off nothing is heard again: `media/src/leg/remedies/tests.rs`.)
 */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { launch, newCandidate } from "./candidate.mjs";
import { startDemo } from "./demo.mjs";
import { blankPage, until, visit } from "./visit.mjs";

const PACKETS_A_SECOND = 50;

/** Listens for the browser, and speaks to the relay from another socket, which `rebind` replaces. */
async function nat(relay) {
  const front = createSocket("udp4");
  front.bind(0, "127.0.0.1");
  await once(front, "listening");
  let browser;
  let back;
  const open = async () => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    socket.on("message", (datagram) => browser && front.send(datagram, browser.port, browser.address));
    return socket;
  };
  back = await open();
  front.on("message", (datagram, from) => {
    browser = from;
    back.send(datagram, relay.port, relay.address);
  });
  return {
    port: front.address().port,
    outer: () => back.address().port,
    rebind: async () => {
      const old = back;
      back = await open();
      old.close();
    },
    stop: () => [front, back].forEach((socket) => socket.close()),
  };
}

/** In the page: an offer, without candidates, so that the relay knows the browser by the NAT's address alone. */
async function offer() {
  const peer = (window.peer = new RTCPeerConnection());
  const media = await navigator.mediaDevices.getUserMedia({ audio: true });
  media.getTracks().forEach((track) => peer.addTrack(track, media));
  window.states = [];
  peer.addEventListener("iceconnectionstatechange", () => window.states.push(peer.iceConnectionState));
  await peer.setLocalDescription();
  return peer.localDescription.sdp.split("\r\n").filter((line) => !line.startsWith("a=candidate:")).join("\r\n");
}

const counts = (page) =>
  page.evaluate(async () => {
    let heard = 0;
    for (const entry of (await window.peer.getStats()).values()) if (entry.type === "inbound-rtp") heard = entry.packetsReceived;
    return { heard, states: window.states, state: window.peer.connectionState };
  });

test("a browser whose NAT gives it another port is followed, and nothing is negotiated", { timeout: 90_000 }, async () => {
  const demo = await startDemo();
  let browser;
  let net;
  try {
    browser = await launch();
    const { page } = await newCandidate(browser);
    await blankPage(page, demo);
    const { sessionId, token } = await visit(demo);
    const sdpOffer = await page.evaluate(offer);
    const response = await fetch(`${demo.http}/api/sdp-exchange`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ sessionId, sdpOffer }),
    });
    const { sdpAnswer } = await response.json();
    const [, address, port] = /^a=candidate:\S+ 1 udp \d+ (127\.\S+) (\d+) /m.exec(sdpAnswer);
    net = await nat({ address, port: Number(port) });
    const candidates = /(?:^a=candidate:.*\r\n)+/gm;
    const answer = sdpAnswer.replace(candidates, `a=candidate:1 1 udp 2130706431 127.0.0.1 ${net.port} typ host\r\n`);
    await page.evaluate((sdp) => window.peer.setRemoteDescription({ type: "answer", sdp }), answer);

    const heardOn = async (words) => {
      const { heard: before } = await counts(page);
      await until(async () => {
        const seen = await counts(page);
        return { met: seen.heard >= before + 3 * PACKETS_A_SECOND, seen };
      }, 20_000, words);
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
  } catch (error) {
    console.error(demo.log().split("\n").slice(-40).join("\n"));
    throw error;
  } finally {
    await browser?.close();
    net?.stop();
    await demo.stop();
  }
});
