/**
 * A microphone in a page's own hands: digits as dual tones (ITU-T Q.23), laid out as the simulator's judge lays out its own, said when
 * the test says so. Nothing of a capture device's cleaning is in the way.
 */

import { toCheck } from "./candidate.mjs";

/** Runs in the page before its own scripts. */
export function mouth() {
  const LOW = [697, 770, 852, 941];
  const HIGH = [1209, 1336, 1477];
  const KEYS = ["123", "456", "789", " 0 "];
  const RATE = 48_000;
  let context;
  let out;
  let until = 0;
  const samplesOf = (digits) => {
    const samples = new Float32Array(Math.round(digits.length * 0.16 * RATE));
    [...digits].forEach((digit, at) => {
      const row = KEYS.findIndex((keys) => keys.includes(digit));
      const tones = [LOW[row], HIGH[KEYS[row].indexOf(digit)]];
      for (let n = 0; n < 0.08 * RATE; n += 1) {
        const edge = Math.min(1, n / 240, (0.08 * RATE - n) / 240);
        samples[Math.round(at * 0.16 * RATE) + n] = (0.125 * edge * tones.reduce((sum, hz) => sum + Math.sin((2 * Math.PI * hz * n) / RATE), 0));
      }
    });
    return samples;
  };
  window.vivavoceMouth = {
    /** Says them behind what is still being said. */
    say: (digits) => {
      const buffer = new AudioBuffer({ length: Math.round(digits.length * 0.16 * RATE), sampleRate: RATE });
      buffer.copyToChannel(samplesOf(digits), 0);
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(out);
      until = Math.max(until, context.currentTime + 0.05);
      source.start(until);
      until += buffer.duration;
    },
    /** Digits that are still to be said. */
    saying: () => Math.max(0, until - context.currentTime) / 0.16,
    isSilent: () => context.currentTime > until,
    /** As a call or the system does it. */
    take: () => {
      for (const track of window.vivavoceMouth.tracks) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
      }
    },
    /** As a phone does it while another program has it: the track stays, and is silent. */
    silence: (on) => {
      out.gain.value = on ? 0 : 1;
      for (const track of window.vivavoceMouth.tracks) {
        Object.defineProperty(track, "muted", { value: on, configurable: true });
        track.dispatchEvent(new Event(on ? "mute" : "unmute"));
      }
    },
    tracks: [],
  };
  navigator.mediaDevices.getUserMedia = async () => {
    context ??= new AudioContext({ sampleRate: RATE });
    out ??= new GainNode(context);
    out.gain.value = 1; // one that is asked for anew is given
    const end = context.createMediaStreamDestination();
    out.connect(end);
    window.vivavoceMouth.tracks = end.stream.getAudioTracks();
    return end.stream;
  };
}

/** From the link into the interview, with digits said where the check wants to hear something. `ready`: done just before it begins. */
export async function enter(page, demo, ready = async () => undefined) {
  await toCheck(page, demo.invitation_url);
  await page.getByRole("button", { name: "Play the notes" }).click();
  await page.getByRole("button", { name: "Yes, I heard them" }).click();
  await page.getByRole("button", { name: "Use my microphone" }).click();
  await page.evaluate(() => window.vivavoceMouth.say("1234567890"));
  const begin = page.getByRole("button", { name: "Start the interview" });
  await begin.waitFor({ timeout: 30_000 });
  await page.waitForFunction(() => window.vivavoceMouth.isSilent());
  await ready();
  await begin.click();
}

/** As many digits as asked for, none twice in a row, the same for a seed. */
export function digitsOf(count, seed = 7) {
  let [state, last, digits] = [seed, 0, ""];
  while (digits.length < count) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const digit = (state >>> 16) % 10;
    if (digit !== last) digits += digit;
    last = digit;
  }
  return digits;
}
