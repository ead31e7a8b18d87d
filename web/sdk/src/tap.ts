/**
 * Sees the very packets that the browser's encoder makes for the wire, with their RTP timestamps, and lets them pass.
 *
 * Is: an encoded transform on a sender, in a worker where the browser has `RTCRtpScriptTransform`, else Chromium's older
 * `createEncodedStreams`. Isn't: a store. Encoders go on while a network is away: that is what makes keeping possible.
 * Law: speech is never held up by this; a worker that does not come up is done without.
 */

export type HearPacket = (stream: number, timestamp: number, opus: Uint8Array) => void;

export interface Tap {
  /** What a peer's configuration needs for it. */
  readonly config: Readonly<Record<string, boolean>>;
  attach(sender: RTCRtpSender, receiver: RTCRtpReceiver, hear: HearPacket): void;
}

/** What the worker tells of one packet. */
export interface Tapped {
  readonly stream: number;
  readonly timestamp: number;
  readonly opus: ArrayBuffer;
}

/** Null: this browser cannot, and what is said while its network is away is not kept. */
export function browserTap(): Tap | null {
  if (typeof RTCRtpScriptTransform === "function" && typeof Worker === "function") return scriptTap();
  if (typeof RTCRtpSender === "function" && "createEncodedStreams" in RTCRtpSender.prototype) return streamsTap();
  return null;
}

function scriptTap(): Tap {
  const worker = new Worker(new URL("./tap-worker.js", import.meta.url), { type: "module" });
  const senders = new Set<RTCRtpSender>();
  let isDead = false;
  // A transform whose worker does not read would stop the sound: it is set once the worker has said that it is there.
  const up = new Promise<void>((resolve) => {
    worker.onmessage = () => resolve();
  });
  worker.onerror = () => {
    isDead = true;
    for (const sender of senders) sender.transform = null;
  };
  return {
    config: {},
    attach: (sender, _receiver, hear) => {
      void up.then(() => {
        if (isDead) return;
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }: MessageEvent<Tapped>) => hear(data.stream, data.timestamp, new Uint8Array(data.opus));
        senders.add(sender);
        sender.transform = new RTCRtpScriptTransform(worker, { port: port2 }, [port2]);
      });
    },
  };
}

interface EncodedStreams {
  readonly readable: ReadableStream<RTCEncodedAudioFrame>;
  readonly writable: WritableStream<RTCEncodedAudioFrame>;
}
type OlderEnd = { createEncodedStreams(): EncodedStreams };

function streamsTap(): Tap {
  return {
    config: { encodedInsertableStreams: true },
    attach: (sender, receiver, hear) => {
      const out = (sender as unknown as OlderEnd).createEncodedStreams();
      const passing = new TransformStream<RTCEncodedAudioFrame, RTCEncodedAudioFrame>({
        transform: (frame, controller) => {
          const { synchronizationSource: stream, rtpTimestamp: timestamp } = frame.getMetadata();
          if (stream !== undefined && timestamp !== undefined) hear(stream, timestamp, new Uint8Array(frame.data.slice(0)));
          controller.enqueue(frame);
        },
      });
      const piped = (from: Promise<void>) => from.catch(() => undefined); // A peer that was closed.
      void piped(out.readable.pipeThrough(passing).pipeTo(out.writable));
      // With this configuration a receiver plays nothing until it is piped too.
      const back = (receiver as unknown as OlderEnd).createEncodedStreams();
      void piped(back.readable.pipeTo(back.writable));
    },
  };
}
