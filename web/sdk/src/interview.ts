/**
 * One interview, held from a browser: carries what the machines decide out, and what happens in.
 *
 * Is: the driver of `link.ts`, `leg.ts` and `state.ts`; commands for a page, one snapshot and typed events for its view.
 * Isn't: a view, or a place where anything is decided.
 * Law: inputs are handled one after the other; a command given without a socket is kept until there is one, or is said
 * anew at each welcome.
 */

import { Api } from "./api.js";
import type { Caption } from "./captions.js";
import { Emitter } from "./emitter.js";
import { Keeper } from "./keeper.js";
import { legDue, legStart, legStep } from "./leg.js";
import type { How, Leg, LegEvent } from "./leg.js";
import { LINK_START, linkDue, linkStep, MOVES_MAX } from "./link.js";
import type { LinkEvent, LinkState } from "./link.js";
import { MicrophoneWatch } from "./microphone-watch.js";
import { Peers } from "./peers.js";
import { browserPorts } from "./ports.js";
import type { Ports, SocketPort } from "./ports.js";
import { ResumeStore } from "./resume.js";
import { isAwaitingReason, STATE_START, stateStep } from "./state.js";
import type { InterviewState, Notice, StateEvent } from "./state.js";
import { sampleOf } from "./stats.js";
import type { Sample } from "./stats.js";
import { Sync } from "./sync.js";
import { Vitals } from "./vitals.js";
import { parseServerFrame, SUBPROTOCOL } from "./wire.js";
import type { ClientFrame, EndReason, ServerFrame, StatsFrame } from "./wire.js";

/** How long the relay may take to say why an interview that is over has ended, in ms. */
export const REASON_MS_MAX = 2_000;
/** Back from an outage, the relay says at once how far it has heard; where it does not, the socket is to blame. In ms. */
export const SOCKET_MS_MAX = 1_500;
/** Typed answers kept while there is no socket; further ones are refused. */
export const UNSENT_WORDS_MAX = 20;

export interface InterviewOptions {
  readonly sessionId: string;
  readonly accessToken: string;
  /** Origin of the relay that holds the interview; default: the page's own. */
  readonly relayUrl?: string | null;
  /** What was said before this page was loaded; default: read from the relay's transcript. */
  readonly history?: () => Promise<readonly Caption[]>;
  /** For tests: the outside. */
  readonly ports?: Partial<Ports>;
}

export interface InterviewEvents {
  /** Something changed: `interview.state()` is a new snapshot. */
  state: InterviewState;
  /** The interviewer's voice: give it to an `<audio>`. Comes again with each new peer. */
  audio: MediaStream;
  notice: Notice;
  stats: StatsFrame;
  ended: { readonly reason: EndReason | "unknown"; readonly summaryPending: boolean };
  /** Something the relay refused, not fatal by itself. */
  problem: { readonly code: string; readonly detail: string };
}

export class Interview {
  readonly sessionId: string;
  readonly #accessToken: string;
  /** Where the interview was begun. */
  readonly #url: string;
  /** Where it was last to be found. */
  #at: string;
  readonly #ports: Ports;
  readonly #events = new Emitter<InterviewEvents>();
  readonly #kept: ResumeStore;
  readonly #sync: Sync;
  readonly #microphone: MicrophoneWatch;
  readonly #keeper: Keeper;
  readonly #peers: Peers;
  readonly #vitals: Vitals;

  #state: InterviewState = STATE_START;
  #link: LinkState = LINK_START;
  #leg: Leg;
  #socket: SocketPort | null = null;
  #iceServers: readonly RTCIceServer[] = [];
  #audio: MediaStream | null = null;
  #unsent: ClientFrame[] = [];
  #welcomes = 0;
  /** Things were said that this load of the page has not seen. */
  #hasPast = false;
  #cancelDue: (() => void) | null = null;
  #cancelSocket: (() => void) | null = null;
  #cancelGoing: (() => void) | null = null;
  #cancelNetwork: (() => void) | null = null;
  #cancelReason: (() => void) | null = null;

  constructor(options: InterviewOptions) {
    this.#ports = { ...browserPorts(), ...options.ports };
    this.sessionId = options.sessionId;
    this.#accessToken = options.accessToken;
    this.#url = this.#at = socketUrl(options.relayUrl ?? null, options.sessionId);
    this.#kept = new ResumeStore(this.#ports.storage, options.sessionId);
    this.#leg = legStart(`${Math.floor(this.#ports.random() * 36 ** 6).toString(36)}-`);
    const api = new Api(options.relayUrl != null ? { baseUrl: options.relayUrl } : {});
    this.#sync = new Sync({
      timer: this.#ports.timer,
      random: () => this.#ports.random(),
      read: options.history ?? (() => api.transcript(options.accessToken, options.sessionId)),
      shown: () => this.#state.captions,
      isOn: () => this.#state.phase.is === "live" || this.#state.phase.is === "ending" || this.#hasPast,
      found: (captions, before) => this.#apply({ on: "history", captions, before }),
    });
    this.#peers = new Peers(this.#ports.makePeer, this.#ports.timer, this.#ports.keeps);
    this.#vitals = new Vitals(this.#ports, this.#peers, {
      stats: (stats) => {
        this.#apply({ on: "stats", stats });
        this.#events.emit("stats", stats);
        this.#send({ type: "stats", ...stats });
      },
      pulse: (event) => {
        this.#legging(event);
        this.#apply({ on: "keeping", keeping: this.#keeper.keeping });
      },
    });
    this.#keeper = new Keeper({
      now: this.#ports.now,
      send: (bytes) => this.#link.is === "up" && (this.#socket?.send(bytes) ?? false),
      shelf: this.#ports.keeps ? this.#ports.shelf(options.sessionId) : null,
    });
    this.#microphone = new MicrophoneWatch((microphone) => this.#apply({ on: "microphone", microphone }), () => this.#ports.now());
  }

  /** The present snapshot; the same object until something changes. */
  readonly state = (): InterviewState => this.#state;

  /** For `useSyncExternalStore` and the like. */
  readonly subscribe = (changed: () => void): (() => void) => this.#events.on("state", changed);

  /** Returns what ends it. A late listener to `audio` is given the voice that is there. */
  on<K extends keyof InterviewEvents>(name: K, listener: (value: InterviewEvents[K]) => void): () => void {
    const off = this.#events.on(name, listener);
    if (name === "audio" && this.#audio !== null) (listener as (value: MediaStream) => void)(this.#audio);
    return off;
  }

  /**
   * Joins with a microphone, or with null to listen and type. Joins again after a takeover, after `leave()`, after giving
   * up; an interview that has ended stays ended.
   */
  join(microphone: MediaStream | null): void {
    if (this.#state.phase.is === "ended") return;
    this.#takeMicrophone(microphone);
    this.#cancelNetwork ??= this.#ports.networkBack(() => this.retryNow());
    this.#cancelGoing ??= this.#ports.pageGoes(() => this.#keeper.shelve());
    this.#apply({ on: "joining", now: this.#ports.now() });
    this.#leading({ on: "connect" });
    this.#legging({ on: "start" });
  }

  /** Another microphone, or the same one asked for anew, without a new peer. */
  async useMicrophone(microphone: MediaStream | null): Promise<void> {
    this.#takeMicrophone(microphone);
    await this.#peers.replaceTrack(this.#microphone.track);
  }

  mute(on: boolean): void {
    this.#microphone.mute(on);
    this.#keeper.mute(on);
    this.#apply({ on: "muted", muted: on });
    this.#send({ type: "mute", on });
  }

  /** An answer typed. False: too many are waiting for a socket. */
  say(text: string): boolean {
    const words = text.trim();
    if (words === "") return true;
    if (this.#unsent.length >= UNSENT_WORDS_MAX) return false;
    const id = `say-${this.#leg.prefix}${this.#state.pendingWords.length + this.#unsent.length}-${Math.floor(this.#ports.now())}`;
    this.#apply({ on: "words", words: { id, text: words } });
    this.#sendOrKeep({ type: "say", text: words, id });
    return true;
  }

  /** Ends the interview; the relay answers with `ended` once the goodbye is said. */
  end(): void {
    if (!this.#unsent.some((frame) => frame.type === "end")) this.#sendOrKeep({ type: "end" });
  }

  /** Leaves without ending: the interview can be joined again until its deadline. */
  leave(): void {
    this.#apply({ on: "left" });
    this.#shut();
  }

  /** Try at once what is being waited for. */
  readonly retryNow = (): void => {
    this.#leading({ on: "hurry" });
    this.#legging({ on: "hurry" });
  };

  /** What `getStats` says of the leg now, for a page that shows it. Null without a peer. */
  async sample(): Promise<Sample | null> {
    const peer = this.#peers.current;
    return peer === null ? null : sampleOf(await peer.stats(), this.#ports.now());
  }

  // --- machines -----------------------------------------------------------------------------------------------------

  #leading(event: LinkEvent): void {
    const before = this.#link;
    const step = linkStep(before, event, this.#ports.now(), this.#ports.random());
    this.#link = step.state;
    for (const action of step.actions) {
      switch (action.do) {
        case "open":
          this.#open();
          break;
        case "hello": {
          const { resume, lastSeq } = this.#kept.kept;
          this.#send({
            type: "hello",
            token: this.#accessToken,
            sessionId: this.sessionId,
            ...(resume !== null ? { resume } : {}),
            ...(lastSeq !== null ? { lastSeq } : {}),
            ...(this.#ports.keeps ? { keeps: true } : {}),
            // A relay that takes over from one that died knows by this what was heard of the interviewer's last words.
            ...(resume !== null ? this.#vitals.quiet : {}),
          });
          break;
        }
        case "drop":
          this.#socket?.close();
          this.#socket = null;
          break;
        default:
          never(action);
      }
    }
    if (step.state === before) return;
    // What it shows next would say that it comes back by itself, which it may not.
    if (step.state.is === "closed" && step.state.reason === "superseded") this.#kept.forget();
    this.#apply({ on: "link", link: step.state });
    if (before.is === "up") this.#keeper.shelve(); // Also for the page that has taken over.
    if (before.is === "up") this.#vitals.glance(); // What the next hello tells is of this moment.
    if (before.is === "up") this.#legging({ on: "linkDown" });
    this.#arm();
  }

  #legging(event: LegEvent): void {
    const before = this.#leg;
    const step = legStep(before, event, this.#ports.now(), this.#ports.random());
    this.#leg = step.state;
    this.#apply({ on: "leg", leg: step.state.leg });
    for (const action of step.actions) {
      switch (action.do) {
        case "offer":
          void this.#offer(action.how, action.id);
          break;
        case "suspectLink":
          this.#leading({ on: "suspect" });
          break;
        case "close":
          this.#closePeer();
          break;
        default:
          never(action);
      }
    }
    if (step.state.leg.is === "up") {
      this.#vitals.watch();
      if (before.leg.is === "lost") this.#expectSocket();
    }
    this.#arm();
  }

  /** One timer for both machines, set anew whenever either has moved. */
  #arm(): void {
    this.#cancelDue?.();
    this.#cancelDue = null;
    const dues = [linkDue(this.#link), legDue(this.#leg)].filter((due) => due !== null);
    if (dues.length === 0) return;
    this.#cancelDue = this.#ports.timer(Math.max(0, Math.min(...dues) - this.#ports.now()), () => {
      this.#leading({ on: "due" });
      this.#legging({ on: "due" });
    });
  }

  #apply(event: StateEvent): void {
    const before = this.#state;
    this.#state = stateStep(before, event);
    if (this.#state === before) return;
    this.#events.emit("state", this.#state);
    const { phase } = this.#state;
    if (isAwaitingReason(this.#state)) this.#cancelReason ??= this.#ports.timer(REASON_MS_MAX, () => this.#apply({ on: "overdue" }));
    if (phase.is === "ended" && before.phase.is !== "ended") {
      this.#kept.forget();
      this.#keeper.over();
      this.#events.emit("ended", phase);
      this.#shut();
    } else if ((phase.is === "refused" || phase.is === "elsewhere") && before.phase.is !== phase.is) {
      this.#shut();
    }
  }

  #shut(): void {
    this.#cancelReason?.();
    this.#cancelReason = null;
    this.#cancelNetwork?.();
    this.#cancelNetwork = null;
    this.#cancelGoing?.();
    this.#cancelGoing = null;
    this.#sync.stop();
    this.#cancelSocket?.();
    this.#cancelSocket = null;
    this.#leading({ on: "leave" });
    this.#legging({ on: "stop" });
    this.#vitals.stop();
    this.#microphone.release();
  }

  // --- socket -------------------------------------------------------------------------------------------------------

  #open(): void {
    this.#socket?.close();
    // Where it was last is tried first; where it was begun, in turn with it, knows where it is now.
    if (this.#link.is === "opening" && this.#link.attempt > MOVES_MAX && this.#link.attempt % 2 === 0) this.#at = this.#url;
    const socket: SocketPort = this.#ports.openSocket(this.#at, SUBPROTOCOL, {
      opened: () => {
        if (this.#socket === socket) this.#leading({ on: "opened" });
      },
      message: (text) => {
        if (this.#socket === socket) this.#message(text);
      },
      closed: (code) => {
        if (this.#socket !== socket) return;
        this.#socket = null;
        this.#leading({ on: "lost", code });
      },
    });
    this.#socket = socket;
  }

  #message(text: string): void {
    this.#cancelSocket?.();
    this.#cancelSocket = null;
    const received = parseServerFrame(text);
    if (received === null) return;
    this.#kept.saw(received.seq);
    this.#frame(received.frame);
  }

  #frame(frame: ServerFrame): void {
    switch (frame.type) {
      case "welcome":
        this.#iceServers = frame.iceServers;
        this.#kept.renew(frame.resume);
        this.#apply({ on: "frame", frame, now: this.#ports.now() });
        this.#leading({ on: "welcomed" });
        this.#keeper.welcomed(frame.heardUpTo);
        this.#welcomed(frame.resumed);
        break;
      case "answer":
        void this.#answered(frame.sdp, frame.id);
        break;
      case "candidate":
        void this.#peers.current?.addCandidate(frame.candidate);
        break;
      case "moved":
        this.#moved(frame.url);
        break;
      case "renegotiate":
        this.#legging({ on: "renegotiate", iceRestart: frame.iceRestart });
        break;
      case "notice":
        this.#apply({ on: "frame", frame, now: this.#ports.now() });
        this.#events.emit("notice", { code: frame.code, text: frame.text });
        break;
      case "error":
        this.#apply({ on: "frame", frame, now: this.#ports.now() });
        if (!frame.fatal) this.#events.emit("problem", { code: frame.code, detail: frame.detail });
        break;
      case "ack":
        this.#keeper.acknowledged(frame);
        this.#apply({ on: "keeping", keeping: this.#keeper.keeping });
        break;
      case "state":
      case "caption":
      case "ended":
        this.#apply({ on: "frame", frame, now: this.#ports.now() });
        break;
      default:
        never(frame);
    }
  }

  /** The token goes along: never over plain http where it came over https. */
  #moved(origin: string): void {
    const at = socketUrl(origin, this.sessionId);
    if (this.#url.startsWith("wss:") && !at.startsWith("wss:")) return;
    this.#at = at;
    this.#leading({ on: "moved" });
  }

  #welcomed(resumed: boolean): void {
    if (this.#link.is !== "up") return;
    this.#welcomes += 1;
    this.#legging({ on: "linkUp", resumed });
    if (this.#state.muted || this.#welcomes > 1) this.#send({ type: "mute", on: this.#state.muted });
    // Words that were on their way when a socket broke: the relay takes each once, by its id.
    const unsent = this.#unsent.splice(0);
    const onTheirWay = this.#state.pendingWords.filter(({ id }) => !unsent.some((frame) => frame.type === "say" && frame.id === id));
    for (const { id, text } of onTheirWay) this.#sendOrKeep({ type: "say", text, id });
    for (const frame of unsent) this.#sendOrKeep(frame);
    // Only a talk that has begun has a past that this page has not seen.
    this.#hasPast ||= resumed;
    this.#sync.welcomed();
  }

  #send(frame: ClientFrame): boolean {
    return this.#socket?.send(JSON.stringify(frame)) ?? false;
  }

  #sendOrKeep(frame: ClientFrame): void {
    if (this.#link.is === "up" && this.#send(frame)) return;
    this.#unsent.push(frame);
  }

  // --- leg ----------------------------------------------------------------------------------------------------------

  async #offer(how: How, id: string): Promise<void> {
    let peer = this.#peers.current;
    if (how === "fresh" || peer === null) {
      this.#vitals.renew();
      peer = this.#peers.fresh(
        { iceServers: this.#iceServers, track: this.#microphone.track },
        {
          candidate: (candidate) => void this.#send({ type: "candidate", candidate }),
          connection: (state) => this.#legging({ on: state }),
          audio: (stream) => {
            this.#audio = stream;
            this.#events.emit("audio", stream);
          },
          speech: (stream, timestamp, opus) => this.#keeper.speech(stream, timestamp, opus),
        },
      );
    }
    const made = peer;
    try {
      await made.offer(how === "restart", (sdp) => {
        if (this.#peers.is(made)) this.#send({ type: "offer", sdp, id });
      });
    } catch {
      if (this.#peers.is(made)) this.#legging({ on: "broken" });
    }
  }

  async #answered(sdp: string, id: string): Promise<void> {
    const peer = this.#peers.current;
    const waiting = this.#leg.try;
    if (peer === null || waiting.is !== "offered" || waiting.id !== id) return;
    try {
      // The machine first: the connection may come up before the promise is kept.
      this.#legging({ on: "answered", id });
      await peer.answer(sdp);
    } catch {
      if (this.#peers.is(peer)) this.#legging({ on: "broken" });
    }
  }

  #closePeer(): void {
    this.#peers.close();
    this.#audio = null;
  }

  #takeMicrophone(stream: MediaStream | null): void {
    this.#microphone.watch(stream?.getAudioTracks()[0] ?? null);
    this.#microphone.mute(this.#state.muted);
  }

  /** The leg is back: is the socket? Where both were away, it may be open in name only. */
  #expectSocket(): void {
    if (!this.#keeper.keeping.on || this.#link.is !== "up") return;
    this.#cancelSocket ??= this.#ports.timer(SOCKET_MS_MAX, () => {
      this.#cancelSocket = null;
      this.#leading({ on: "suspect" });
    });
  }
}

/** `https://host` to `wss://host/ws?session=…`; null: the page's own origin. */
export function socketUrl(relayUrl: string | null, sessionId: string): string {
  const base = new URL(relayUrl ?? location.origin);
  base.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  base.pathname = "/ws";
  base.search = new URLSearchParams({ session: sessionId }).toString();
  base.hash = "";
  return base.toString();
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
