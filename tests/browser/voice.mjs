/** The candidate's voice as a file: sentences by espeak-ng, with silences between them, 48 kHz mono. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RATE = 48_000;

/** A file of its own, gone with this process: they are large. `parts`: sentences (text) and silences (seconds). */
export function renderVoice(parts) {
  const folder = mkdtempSync(join(tmpdir(), "vivavoce-voice-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "candidate.wav");
  const pieces = parts.map((part) => (typeof part === "number" ? Buffer.alloc(Math.round(part * RATE) * 2) : speak(part)));
  const samples = Buffer.concat(pieces);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  writeFileSync(file, Buffer.concat([head, samples]));
  return file;
}

/** A candidate who speaks for the check, and then listens. */
export const quietVoice = () => renderVoice([0.5, "Hello, this is my voice, one two three.", 300]);

function speak(text) {
  const wav = execFileSync("espeak-ng", ["-v", "en-gb", "-s", "170", "-a", "180", "--stdout", text], { maxBuffer: 64 << 20 });
  const rate = wav.readUInt32LE(24);
  const from = wav.subarray(44, 44 + Math.floor((wav.length - 44) / 2) * 2);
  const count = Math.floor((from.length / 2) * (RATE / rate));
  const to = Buffer.alloc(count * 2);
  for (let index = 0; index < count; index += 1) {
    const at = (index * rate) / RATE;
    const left = Math.floor(at);
    const right = Math.min(left + 1, from.length / 2 - 1);
    const a = from.readInt16LE(left * 2);
    const b = from.readInt16LE(right * 2);
    to.writeInt16LE(Math.round(a + (b - a) * (at - left)), index * 2);
  }
  return to;
}
