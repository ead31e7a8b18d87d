/**
 * What a page has heard: the sound that its browser decoded, not the state of a connection.
 *
 * Counted by the browser's own sound thread, sample by sample: nothing of it hangs on the page's timers, which starve on a
 * busy machine. The page's RTCPeerConnections are only remembered.
 */

import assert from "node:assert/strict";

/**
 * Of what was sent as speech, its pauses included, so much is heard as sound at least. The simulator's voice has 0.76 of it, and a
 * browser that gets little of the processor leaves some out.
 */
const HEARD_MIN = 0.6;
/** And no more than so much: a noise is no speech. */
const HEARD_MAX = 0.82;

/** Runs in the page before its own scripts. */
export function listen() {
  const Real = window.RTCPeerConnection;
  const LOUD = 0.01; // Root mean square of full scale, over some 50 ms.
  const heard = { peers: [], ears: [] };
  window.vivavoceTest = heard;
  const ear = (track) => {
    const context = new AudioContext();
    const power = new WaveShaperNode(context, { curve: Float32Array.from({ length: 4_001 }, (_, at) => (at / 2_000 - 1) ** 2) });
    const smooth = new BiquadFilterNode(context, { type: "lowpass", frequency: 10, Q: 0 });
    const scale = new GainNode(context, { gain: 1 / LOUD ** 2 });
    const loud = new WaveShaperNode(context, { curve: new Float32Array([0, 0, 1]) });
    // y[n] = x[n] + y[n - 1]: counts what is loud.
    const count = new IIRFilterNode(context, { feedforward: [1], feedback: [1, -1] });
    const reader = new AnalyserNode(context, { fftSize: 32 });
    const source = context.createMediaStreamSource(new MediaStream([track]));
    [source, power, smooth, scale, loud, count, reader].reduce((from, to) => from.connect(to));
    const samples = new Float32Array(reader.fftSize);
    let most = 0;
    const seconds = () => {
      reader.getFloatTimeDomainData(samples);
      most = Math.max(most, samples.at(-1) / context.sampleRate);
      return most;
    };
    // A browser may let a graph rest that has gone silent, and shows zeros then.
    setInterval(seconds, 500);
    return { seconds };
  };
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      heard.peers.push(this);
      this.addEventListener("track", ({ track }) => heard.ears.push(ear(track)));
    }
  };
}

/** The sound that this page decoded, so far. */
export async function decoded(page) {
  return page.evaluate(async () => {
    const { peers, ears } = window.vivavoceTest;
    let received = 0;
    let concealed = 0;
    let samples = 0;
    for (const peer of peers) {
      // Firefox never answers for one that is closed.
      const closed = new Promise((resolve) => setTimeout(resolve, 1_000, new Map()));
      for (const entry of (await Promise.race([peer.getStats(), closed])).values()) {
        if (entry.type !== "inbound-rtp" || entry.kind !== "audio") continue;
        received += entry.packetsReceived;
        concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
        samples += entry.totalSamplesReceived ?? 0;
      }
    }
    return { peers: peers.length, loudSeconds: ears.reduce((sum, ear) => sum + ear.seconds(), 0), received, concealed: samples === 0 ? 0 : concealed / samples };
  });
}

/** Seconds of speech that the simulator says it has sent. */
export function spokenSeconds(call) {
  return call.items.filter(({ origin }) => origin === "said").reduce((sum, { audio_ms, truncated_ms }) => sum + (truncated_ms ?? audio_ms) / 1_000, 0);
}

/** The speech that was sent was heard: `sound` as `decoded` gives it. */
export function mustHaveHeard(sound, call, shareMin = HEARD_MIN) {
  const spoken = spokenSeconds(call);
  const words = `heard ${sound.loudSeconds.toFixed(1)} s of ${spoken.toFixed(1)} s of speech`;
  if (process.env.SHOW) console.error(words);
  assert.ok(sound.loudSeconds >= shareMin * spoken, words);
  assert.ok(sound.loudSeconds <= HEARD_MAX * spoken, words);
}
