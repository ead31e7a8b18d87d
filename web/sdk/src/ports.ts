/**
 * What the driver needs of the outside, so that a test can be the outside.
 *
 * Is: interfaces, and their browser versions. Isn't: decisions.
 */

import { browserPeer } from "./peer.js";
import type { MakePeer } from "./peer.js";
import type { StoragePort } from "./resume.js";
import { browserShelf } from "./shelf.js";
import type { ShelfPort } from "./shelf.js";
import { browserTap } from "./tap.js";
import { NO_HELLO } from "./wire.js";

export interface SocketHandlers {
  opened(): void;
  message(text: string): void;
  /** Once, and last; 1006 where the socket said nothing. */
  closed(code: number): void;
}

export interface SocketPort {
  /** False: it was not open, nothing was sent. */
  send(frame: string | ArrayBuffer): boolean;
  close(): void;
}

export interface Ports {
  /** Steady, in ms. */
  readonly now: () => number;
  /** [0, 1). */
  random(): number;
  /** Returns what cancels it. */
  readonly timer: (ms: number, then: () => void) => () => void;
  openSocket(url: string, protocol: string, handlers: SocketHandlers): SocketPort;
  makePeer: MakePeer;
  readonly storage: StoragePort | null;
  /** The microphone's packets can be seen as they are made: what is said while the network is away can be kept. */
  readonly keeps: boolean;
  /** Where kept speech outlives the page; null: nowhere. */
  shelf(sessionId: string): ShelfPort | null;
  /** Tells that the page goes. Returns what ends it. */
  pageGoes(then: () => void): () => void;
  /** Tells when the browser believes that a network is back. Returns what ends it. */
  networkBack(then: () => void): () => void;
}

/** The browser's own. */
export function browserPorts(): Ports {
  const tap = browserTap();
  return {
    now: () => performance.now(),
    random: () => Math.random(),
    timer: (ms, then) => {
      const id = setTimeout(then, ms);
      return () => clearTimeout(id);
    },
    openSocket: browserSocket,
    // Looked up when wanted: the module also loads where there is no browser.
    makePeer: (options, handlers) => browserPeer(RTCPeerConnection, tap)(options, handlers),
    storage: storageOrNull(),
    keeps: tap !== null,
    shelf: (sessionId) => browserShelf(sessionId, () => Date.now()),
    pageGoes: (then) => {
      addEventListener("pagehide", then);
      return () => removeEventListener("pagehide", then);
    },
    networkBack: (then) => {
      addEventListener("online", then);
      return () => removeEventListener("online", then);
    },
  };
}

function browserSocket(url: string, protocol: string, handlers: SocketHandlers): SocketPort {
  const socket = new WebSocket(url, protocol);
  let over = false;
  const close = (code: number) => {
    if (over) return;
    over = true;
    handlers.closed(code);
  };
  socket.onopen = () => {
    if (!over) handlers.opened();
  };
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (!over && typeof event.data === "string") handlers.message(event.data);
  };
  // The relay's patience for a hello, which the network has swallowed, has ended: no word on the token.
  socket.onclose = (event) => close(event.reason === NO_HELLO ? 1006 : event.code);
  return {
    send: (frame) => {
      if (over || socket.readyState !== WebSocket.OPEN) return false;
      socket.send(frame);
      return true;
    },
    close: () => {
      // Not told of what we closed ourselves: a dead network would keep the browser waiting for the far end's close.
      over = true;
      socket.close(1000);
    },
  };
}

function storageOrNull(): StoragePort | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
