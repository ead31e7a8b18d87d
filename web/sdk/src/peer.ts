/**
 * One RTCPeerConnection: makes offers, takes answers, tells how it fares.
 *
 * Is: the order of calls that WebRTC wants. Isn't: when to offer or to give up (`leg.ts`).
 * Law: candidates leave after the offer that they belong to and enter after the answer; nothing is told once closed.
 */

import type { Report } from "./stats.js";
import type { Tap } from "./tap.js";

export interface PeerHandlers {
  candidate(candidate: RTCIceCandidateInit | null): void;
  connection(state: "connected" | "disconnected" | "failed"): void;
  audio(stream: MediaStream): void;
  /** One packet of the microphone's, as it was made for the wire: its SSRC, its RTP timestamp. */
  speech(stream: number, timestamp: number, opus: Uint8Array): void;
}

export interface PeerOptions {
  readonly iceServers: readonly RTCIceServer[];
  /** The microphone; null: listens only, until `replaceTrack`. */
  readonly track: MediaStreamTrack | null;
}

export interface PeerPort {
  /** Makes an offer, hands its SDP to `send`, then lets the candidates follow. */
  offer(iceRestart: boolean, send: (sdp: string) => void): Promise<void>;
  answer(sdp: string): Promise<void>;
  addCandidate(candidate: RTCIceCandidateInit | null): Promise<void>;
  replaceTrack(track: MediaStreamTrack | null): Promise<void>;
  stats(): Promise<Report>;
  close(): void;
}

export type MakePeer = (options: PeerOptions, handlers: PeerHandlers) => PeerPort;

export type PeerConstructor = new (config: RTCConfiguration) => RTCPeerConnection;

export function browserPeer(Peer: PeerConstructor, tap: Tap | null = null): MakePeer {
  return (options, handlers) => {
    const pc = new Peer({ iceServers: [...options.iceServers], bundlePolicy: "max-bundle", ...tap?.config });
    const transceiver = pc.addTransceiver(options.track ?? "audio", { direction: "sendrecv" });
    /** Our candidates that wait for their offer; null: they go out at once. */
    let outgoing: (RTCIceCandidateInit | null)[] | null = [];
    /** The relay's candidates that wait for its answer; null: they go in at once. */
    let incoming: (RTCIceCandidateInit | null)[] | null = [];
    let closed = false;

    tap?.attach(transceiver.sender, transceiver.receiver, (stream, timestamp, opus) => {
      if (!closed) handlers.speech(stream, timestamp, opus);
    });
    pc.onicecandidate = ({ candidate }) => {
      if (closed) return;
      const plain = candidate === null || candidate.candidate === "" ? null : candidate.toJSON();
      if (outgoing === null) handlers.candidate(plain);
      else outgoing.push(plain);
    };
    pc.onconnectionstatechange = () => {
      if (closed) return;
      const state = pc.connectionState;
      if (state === "connected" || state === "disconnected" || state === "failed") handlers.connection(state);
    };
    pc.ontrack = ({ track, streams }) => {
      if (!closed) handlers.audio(streams[0] ?? new MediaStream([track]));
    };

    const put = async (candidate: RTCIceCandidateInit | null) => {
      try {
        // The end of candidates is told with an empty one: a bare null is not taken by every browser.
        if (candidate !== null) await pc.addIceCandidate(candidate);
      } catch {
        // One that cannot be used (another family, a name that does not resolve) is no loss while others are there.
      }
    };

    return {
      offer: async (iceRestart, send) => {
        outgoing ??= [];
        incoming ??= [];
        const offer = await pc.createOffer({ iceRestart });
        await pc.setLocalDescription(offer);
        if (closed) return;
        send(pc.localDescription?.sdp ?? offer.sdp ?? "");
        const held = outgoing;
        outgoing = null;
        for (const candidate of held) handlers.candidate(candidate);
      },
      answer: async (sdp) => {
        if (closed) return;
        await pc.setRemoteDescription({ type: "answer", sdp });
        const held = incoming ?? [];
        incoming = null;
        for (const candidate of held) await put(candidate);
      },
      addCandidate: async (candidate) => {
        if (closed) return;
        if (incoming !== null) incoming.push(candidate);
        else await put(candidate);
      },
      replaceTrack: (track) => transceiver.sender.replaceTrack(track),
      stats: () => pc.getStats(),
      close: () => {
        closed = true;
        pc.close();
      },
    };
  };
}
