/**
 * The outside of an interview, in a test's hands: time, sockets, peers, storage.
 *
 * Law: nothing happens but what the test does; timers fire in order when `pass` is called.
 */

import { Interview } from "../interview.js";
import type { InterviewOptions } from "../interview.js";
import type { PeerHandlers, PeerOptions, PeerPort } from "../peer.js";
import type { Ports, SocketHandlers } from "../ports.js";
import type { StoragePort } from "../resume.js";
import type { ShelfPort } from "../shelf.js";
import type { StoredStream } from "../speech-ring.js";
import { isRecord } from "../wire.js";
import type { Fields } from "../wire.js";

export class FakeSocket {
  readonly url: string;
  readonly protocol: string;
  readonly handlers: SocketHandlers;
  readonly sent: Fields[] = [];
  readonly binary: ArrayBuffer[] = [];
  isOpen = false;
  isClosed = false;

  constructor(url: string, protocol: string, handlers: SocketHandlers) {
    this.url = url;
    this.protocol = protocol;
    this.handlers = handlers;
  }

  open(): void {
    this.isOpen = true;
    this.handlers.opened();
  }

  /** The relay says something. */
  says(frame: object): void {
    this.handlers.message(JSON.stringify(frame));
  }

  /** The relay or the network closes it. */
  drop(code = 1006): void {
    this.isOpen = false;
    this.isClosed = true;
    this.handlers.closed(code);
  }

  frames(type: string): Fields[] {
    return this.sent.filter((frame) => frame["type"] === type);
  }
}

export class FakePeer implements PeerPort {
  readonly options: PeerOptions;
  readonly handlers: PeerHandlers;
  readonly offers: ("fresh" | "restart")[] = [];
  readonly answers: string[] = [];
  readonly candidates: (RTCIceCandidateInit | null)[] = [];
  track: MediaStreamTrack | null;
  isClosed = false;
  report: object[] = [];
  refusesAnswers = false;

  constructor(options: PeerOptions, handlers: PeerHandlers) {
    this.options = options;
    this.handlers = handlers;
    this.track = options.track;
  }

  offer(iceRestart: boolean, send: (sdp: string) => void): Promise<void> {
    this.offers.push(iceRestart ? "restart" : "fresh");
    send(`sdp ${this.offers.length}`);
    return Promise.resolve();
  }

  answer(sdp: string): Promise<void> {
    this.answers.push(sdp);
    return this.refusesAnswers ? Promise.reject(new Error("refused")) : Promise.resolve();
  }

  addCandidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    this.candidates.push(candidate);
    return Promise.resolve();
  }

  replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    this.track = track;
    return Promise.resolve();
  }

  stats(): Promise<readonly object[]> {
    return Promise.resolve(this.report);
  }

  close(): void {
    this.isClosed = true;
  }
}

export class World {
  now = 1_000;
  readonly sockets: FakeSocket[] = [];
  readonly peers: FakePeer[] = [];
  readonly kept = new Map<string, string>();
  #timers: { readonly at: number; readonly then: () => void }[] = [];
  #network: (() => void)[] = [];

  readonly storage: StoragePort = {
    getItem: (key) => this.kept.get(key) ?? null,
    setItem: (key, value) => void this.kept.set(key, value),
    removeItem: (key) => void this.kept.delete(key),
  };

  /** What stands in the browser's store, by the page that has put it there. */
  readonly #shelves = new Map<object, readonly StoredStream[]>();
  pageGoes: () => void = () => undefined;

  /** What stands in the browser's store; null: nothing. */
  get shelved(): readonly StoredStream[] | null {
    return this.#shelves.size > 0 ? [...this.#shelves.values()].flat() : null;
  }

  /** As a page sees it. */
  #shelf(): ShelfPort {
    const page = {};
    let taken: object[] = [];
    return {
      put: (streams) => {
        this.#shelves.set(page, streams);
        return Promise.resolve();
      },
      take: () => {
        taken = [...this.#shelves.keys()];
        return Promise.resolve(this.shelved ?? []);
      },
      clear: () => {
        for (const known of [page, ...taken]) this.#shelves.delete(known);
        return Promise.resolve();
      },
      burn: () => {
        this.#shelves.clear();
        return Promise.resolve();
      },
    };
  }

  readonly ports: Ports = {
    now: () => this.now,
    random: () => 0,
    timer: (ms, then) => {
      const timer = { at: this.now + ms, then };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((t) => t !== timer);
      };
    },
    openSocket: (url, protocol, handlers) => {
      const socket = new FakeSocket(url, protocol, handlers);
      this.sockets.push(socket);
      return {
        send: (sent) => {
          if (!socket.isOpen) return false;
          if (typeof sent !== "string") {
            socket.binary.push(sent);
            return true;
          }
          const frame: unknown = JSON.parse(sent);
          if (isRecord(frame)) socket.sent.push(frame);
          return true;
        },
        close: () => {
          socket.isOpen = false;
          socket.isClosed = true;
        },
      };
    },
    makePeer: (options, handlers) => {
      const peer = new FakePeer(options, handlers);
      this.peers.push(peer);
      return peer;
    },
    storage: this.storage,
    keeps: true,
    shelf: () => this.#shelf(),
    pageGoes: (then) => {
      this.pageGoes = then;
      return () => {
        this.pageGoes = () => undefined;
      };
    },
    networkBack: (then) => {
      this.#network.push(then);
      return () => {
        this.#network = this.#network.filter((n) => n !== then);
      };
    },
  };

  get socket(): FakeSocket {
    return must(this.sockets.at(-1));
  }

  get peer(): FakePeer {
    return must(this.peers.at(-1));
  }

  get networkListeners(): number {
    return this.#network.length;
  }

  get timers(): number {
    return this.#timers.length;
  }

  interview(options: Partial<InterviewOptions> = {}): Interview {
    return new Interview({
      sessionId: "s1",
      accessToken: "secret",
      relayUrl: "https://relay.example",
      history: () => Promise.resolve([]),
      ports: this.ports,
      ...options,
    });
  }

  /** Time goes by; what falls due in it happens at its own moment. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.now = Math.max(this.now, next.at);
      next.then();
      await settled();
    }
    this.now = until;
    await settled();
  }

  networkIsBack(): void {
    for (const then of [...this.#network]) then();
  }
}

export const WELCOME = {
  type: "welcome",
  seq: 1,
  sessionId: "s1",
  resume: "r1",
  iceServers: [{ urls: "stun:stun.example" }],
  resumed: false,
  state: { session: "connecting", candidate: "none", ai: "none" },
  heardUpTo: null,
};

/** A page that has joined, with its leg up. */
export async function joined(world: World, options: Partial<InterviewOptions> = {}): Promise<Interview> {
  const interview = world.interview(options);
  interview.join(microphone().stream);
  world.socket.open();
  world.socket.says(WELCOME);
  await settled();
  world.socket.says({ type: "answer", seq: 2, sdp: "answer", id: must(world.socket.frames("offer")[0])["id"] });
  await settled();
  world.peer.handlers.connection("connected");
  world.socket.says({ type: "state", seq: 3, session: "live", candidate: "up", ai: "up" });
  return interview;
}

export interface FakeTrack {
  enabled: boolean;
  muted: boolean;
  readyState: "live" | "ended";
  onmute: (() => void) | null;
  onunmute: (() => void) | null;
  onended: (() => void) | null;
  stop(): void;
}

export function microphone(): { readonly stream: MediaStream; readonly track: FakeTrack } {
  const track: FakeTrack = {
    enabled: true,
    muted: false,
    readyState: "live",
    onmute: null,
    onunmute: null,
    onended: null,
    stop() {
      track.readyState = "ended";
    },
  };
  return { stream: { getAudioTracks: () => [track] } as unknown as MediaStream, track };
}

/** Lets promises that are kept already run their course. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

export function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("the test expected it to be there");
  return value;
}
