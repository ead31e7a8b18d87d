import { describe, expect, it } from "vitest";
import { browserPeer } from "./peer.js";
import type { PeerConstructor } from "./peer.js";
import { must } from "./testing/world.js";

/** As much of an RTCPeerConnection as is called. */
class FakePc {
  static readonly made: FakePc[] = [];
  connectionState = "new";
  localDescription: { sdp: string } | null = null;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: { track: unknown; streams: unknown[] }) => void) | null = null;
  readonly did: string[] = [];
  readonly config: RTCConfiguration;

  constructor(config: RTCConfiguration) {
    this.config = config;
    FakePc.made.push(this);
  }
  addTransceiver(what: unknown, init: { direction: string }) {
    this.did.push(`transceiver ${typeof what === "string" ? what : "track"} ${init.direction}`);
    return { sender: { replaceTrack: () => Promise.resolve() } };
  }
  createOffer(options: { iceRestart: boolean }) {
    this.did.push(options.iceRestart ? "restart" : "offer");
    return Promise.resolve({ type: "offer", sdp: "made" });
  }
  setLocalDescription() {
    this.localDescription = { sdp: "local" };
    this.candidate("early");
    return Promise.resolve();
  }
  setRemoteDescription(description: { sdp: string }) {
    this.did.push(`answer ${description.sdp}`);
    return Promise.resolve();
  }
  addIceCandidate(candidate: RTCIceCandidateInit) {
    this.did.push(`in ${candidate.candidate ?? ""}`);
    return candidate.candidate === "bad" ? Promise.reject(new Error("bad")) : Promise.resolve();
  }
  getStats() {
    return Promise.resolve(new Map());
  }
  close() {
    this.did.push("close");
  }
  candidate(text: string | null) {
    this.onicecandidate?.({ candidate: text === null ? null : { candidate: text, toJSON: () => ({ candidate: text }) } });
  }
  becomes(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

function peer(track: MediaStreamTrack | null = null) {
  const told: string[] = [];
  const port = browserPeer(FakePc as unknown as PeerConstructor)(
    { iceServers: [{ urls: "stun:x" }], track },
    {
      candidate: (c) => told.push(`out ${c?.candidate ?? "end"}`),
      connection: (state) => told.push(state),
      audio: () => told.push("audio"),
      speech: () => told.push("speech"),
    },
  );
  return { port, told, pc: must(FakePc.made.at(-1)), send: (sdp: string) => told.push(`offer ${sdp}`) };
}

describe("a peer", () => {
  it("is one two-way audio section, with a microphone or before one", () => {
    expect(peer().pc.did).toEqual(["transceiver audio sendrecv"]);
    expect(peer({} as MediaStreamTrack).pc.did).toEqual(["transceiver track sendrecv"]);
    expect(peer().pc.config).toEqual({ iceServers: [{ urls: "stun:x" }], bundlePolicy: "max-bundle" });
  });

  it("sends its offer before its candidates, found early or late", async () => {
    const { port, pc, told, send } = peer();
    await port.offer(false, send);
    pc.candidate("late");
    pc.candidate("");
    expect(told).toEqual(["offer local", "out early", "out late", "out end"]);
  });

  it("takes the relay's candidates after its answer", async () => {
    const { port, pc, send } = peer();
    await port.offer(false, send);
    await port.addCandidate({ candidate: "one" });
    await port.addCandidate({ candidate: "bad" });
    expect(pc.did).toEqual(["transceiver audio sendrecv", "offer"]);
    await port.answer("theirs");
    await port.addCandidate({ candidate: "two" });
    await port.addCandidate(null);
    expect(pc.did.slice(2)).toEqual(["answer theirs", "in one", "in bad", "in two"]);
  });

  it("holds both ways again for a restart", async () => {
    const { port, pc, told, send } = peer();
    await port.offer(false, send);
    await port.answer("first");
    told.length = 0;
    await port.offer(true, send);
    await port.addCandidate({ candidate: "new" });
    expect(told).toEqual(["offer local", "out early"]);
    expect(pc.did.slice(-2)).toEqual(["answer first", "restart"]);
    await port.answer("second");
    expect(pc.did.slice(-2)).toEqual(["answer second", "in new"]);
  });

  it("tells what matters of its connection", () => {
    const { pc, told } = peer();
    for (const state of ["connecting", "connected", "disconnected", "failed", "closed"]) pc.becomes(state);
    pc.ontrack?.({ track: {}, streams: [{}] });
    expect(told).toEqual(["connected", "disconnected", "failed", "audio"]);
  });

  it("says nothing once closed", async () => {
    const { port, pc, told, send } = peer();
    port.close();
    await port.offer(false, send);
    await port.answer("late");
    await port.addCandidate({ candidate: "late" });
    pc.becomes("failed");
    pc.candidate("x");
    pc.ontrack?.({ track: {}, streams: [{}] });
    expect(told).toEqual([]);
    expect(pc.did).not.toContain("answer late");
  });
});
