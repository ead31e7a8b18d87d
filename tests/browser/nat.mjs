/**
 * What stands between a browser and the relay on real networks, on this machine: a NAT whose outer port can change, that can
 * lose datagrams, and be cut. What it loses is drawn from a seed, so that a run can be repeated.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";

const CANDIDATES = /^a=candidate:.*\r\n/gm;

async function open() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/**
 * Listens for the browser, and speaks to the relay from another socket for each of the browser's ports (a peer connection, or an
 * ICE restart, has its own); `rebind` replaces them. `loss`: 0 to 1, each way.
 */
export async function nat(relay, { loss = 0, seed = 1 } = {}) {
  const chance = dice(seed);
  const counts = { passed: 0, lost: 0 };
  const front = await open();
  /** By the browser's port; the newest last. */
  const backs = new Map();
  let cut = false;
  const passes = () => {
    const lost = cut || chance() < loss;
    counts[lost ? "lost" : "passed"] += 1;
    return !lost;
  };
  const outside = (socket, { port, address }) => {
    socket.on("message", (datagram) => passes() && front.send(datagram, port, address));
    backs.set(port, { socket, port, address });
    return socket;
  };
  front.on("message", (datagram, from) => {
    const back = backs.get(from.port)?.socket ?? outside(createSocket("udp4"), from);
    if (passes()) back.send(datagram, relay.port, relay.address);
  });
  return {
    counts,
    outer: () => [...backs.values()].at(-1).socket.address().port,
    rebind: async () => {
      for (const { socket, ...from } of [...backs.values()]) {
        outside(await open(), from);
        socket.close();
      }
    },
    /** Nothing passes any more. */
    cut: () => {
      cut = true;
    },
    mend: () => {
      cut = false;
    },
    stop: () => [front, ...[...backs.values()].map(({ socket }) => socket)].forEach((socket) => socket.close()),
    /** The relay's answer with the NAT in the relay's place. */
    answer: (sdp) => sdp.replace(CANDIDATES, "").replace(/^(a=ice-pwd:.*\r\n)/m, `$1a=candidate:1 1 udp 2130706431 127.0.0.1 ${front.address().port} typ host\r\n`),
  };
}

/** An SDP without candidates: the relay knows the browser by the NAT's address alone. */
export const withoutCandidates = (sdp) => sdp.replace(CANDIDATES, "");

/** Where the relay's answer says that it listens. */
export function relayOf(sdp) {
  const [, address, port] = /^a=candidate:\S+ 1 udp \d+ (127\.\S+) (\d+) /m.exec(sdp);
  return { address, port: Number(port) };
}

/**
 * Stands in the page's socket: the relay and the browser know each other by the NAT alone (`seen.net`). While `seen.isCut`, nothing passes
 * on the socket; while `seen.isShut`, none opens (`seen.closes` ends the one that is there). Binary frames, sockets and acknowledgements are counted.
 */
export async function behindNat(page, seen) {
  await page.routeWebSocket(/\/ws\?/, (browser) => {
    seen.closes = () => browser.close({ code: 1012 });
    if (seen.isShut) return seen.closes();
    const relay = browser.connectToServer();
    seen.sockets += 1;
    // One that has lost a message passes none after it, as TCP does: a greeting that is lost is not followed by what comes after it.
    let isStuck = false;
    const passes = () => !(isStuck ||= seen.isCut);
    browser.onMessage((message) => {
      const isOpen = passes();
      if (typeof message !== "string") {
        if (isOpen) relay.send(message);
        seen.frames += 1;
        return;
      }
      const frame = JSON.parse(message);
      if (frame.type === "candidate" || !isOpen) return;
      relay.send(frame.type === "offer" ? JSON.stringify({ ...frame, sdp: withoutCandidates(frame.sdp) }) : message);
    });
    relay.onMessage((text) => {
      if (!passes()) return;
      const frame = JSON.parse(text);
      seen.acks += frame.type === "ack" ? 1 : 0;
      if (frame.type !== "answer") return browser.send(text);
      void (async () => {
        seen.net ??= await nat(relayOf(frame.sdp));
        browser.send(JSON.stringify({ ...frame, sdp: seen.net.answer(frame.sdp) }));
      })();
    });
  });
}

/** mulberry32 */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
