/**
 * How loud a stream is, ten times a second or with each frame.
 *
 * Is: an analyser on a stream. Isn't: in the stream's path; nothing is played through it.
 */

import { audioContext } from "./context.js";

/** Speech lies between these, in dB below full scale. */
const FLOOR_DB = -56;
const CEILING_DB = -12;

/** From RMS (0 to 1) to a bar's height (0 to 1). */
export function levelOf(rms: number): number {
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}

export function rmsOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length);
}

/** Tells the level with each animation frame. Returns what ends it. */
export function watchLevel(stream: MediaStream, tell: (level: number) => void): () => void {
  const context = audioContext();
  if (context === null || stream.getAudioTracks().length === 0) return () => undefined;
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let frame = 0;
  const look = () => {
    analyser.getFloatTimeDomainData(samples);
    tell(levelOf(rmsOf(samples)));
    frame = requestAnimationFrame(look);
  };
  frame = requestAnimationFrame(look);
  return () => {
    cancelAnimationFrame(frame);
    source.disconnect();
  };
}
