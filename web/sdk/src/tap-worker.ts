/**
 * The worker of `tap.ts`: passes each encoded packet on at once, and tells the page a copy of it.
 *
 * Law: nothing here may throw or wait: the sound goes through it.
 */

import type { Tapped } from "./tap.js";

interface Transformer {
  readonly readable: ReadableStream<RTCEncodedAudioFrame>;
  readonly writable: WritableStream<RTCEncodedAudioFrame>;
  readonly options: { readonly port: MessagePort };
}

/** As much of a worker's scope as is used; the DOM's own types do not have it. */
interface Scope {
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  postMessage(message: string): void;
}

const scope = globalThis as unknown as Scope;

scope.onrtctransform = ({ transformer: { readable, writable, options } }) => {
  const tell = new TransformStream<RTCEncodedAudioFrame, RTCEncodedAudioFrame>({
    transform: (frame, controller) => {
      const { synchronizationSource: stream, rtpTimestamp: timestamp } = frame.getMetadata();
      const opus = frame.data.slice(0);
      controller.enqueue(frame);
      if (stream === undefined || timestamp === undefined) return;
      const tapped: Tapped = { stream, timestamp, opus };
      options.port.postMessage(tapped, [opus]);
    },
  });
  readable
    .pipeThrough(tell)
    .pipeTo(writable)
    .catch(() => undefined); // The peer was closed.
};
scope.postMessage("up");
