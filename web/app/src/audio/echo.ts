/**
 * Records a few seconds of the candidate's own voice and plays them back. It stays on this page.
 *
 * Played through WebAudio, not from a blob: address, which the page's content policy does not allow.
 */

import { audioContext } from "./context.js";

export const RECORD_MS = 4_000;

/** Null: this browser cannot record. */
export async function recordVoice(stream: MediaStream, ms = RECORD_MS): Promise<Blob | null> {
  if (typeof MediaRecorder === "undefined") return null;
  const parts: Blob[] = [];
  try {
    const recorder = new MediaRecorder(stream);
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise<void>((done) => {
      recorder.onstop = () => done();
      recorder.onerror = () => done();
    });
    recorder.start();
    setTimeout(() => {
      if (recorder.state !== "inactive") recorder.stop();
    }, ms);
    await stopped;
    return parts.length === 0 ? null : new Blob(parts, { type: recorder.mimeType });
  } catch {
    return null;
  }
}

/** Resolves once it has been heard; false: it could not be played. */
export async function playVoice(voice: Blob): Promise<boolean> {
  const context = audioContext();
  if (context === null) return false;
  try {
    const sound = await context.decodeAudioData(await voice.arrayBuffer());
    const source = context.createBufferSource();
    source.buffer = sound;
    source.connect(context.destination);
    const ended = new Promise<void>((done) => {
      source.onended = () => done();
    });
    source.start();
    await ended;
    return true;
  } catch {
    return false;
  }
}
