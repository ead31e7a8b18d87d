/** Three soft notes, made here: nothing to download, and no voice to mistake for the interviewer's. */
import { audioContext } from "./context.js";

const NOTES_HZ = [392, 523.25, 659.25] as const;
const NOTE_S = 0.42;

/** Resolves once it has sounded; false: it could not. */
export async function playChime(): Promise<boolean> {
  const context = audioContext();
  if (context === null) return false;
  try {
    await context.resume();
  } catch {
    return false;
  }
  const start = context.currentTime + 0.05;
  NOTES_HZ.forEach((hz, index) => {
    const at = start + index * NOTE_S * 0.75;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = hz;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.25, at + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0005, at + NOTE_S * 1.6);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + NOTE_S * 1.7);
  });
  await new Promise((done) => setTimeout(done, (NOTES_HZ.length * 0.75 + 1) * NOTE_S * 1000));
  return true;
}
