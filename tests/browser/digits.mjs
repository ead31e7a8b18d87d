/**
 * Digits in what a page hears of the interviewer (dual tones, ITU-T Q.23, in the sound that the browser has decoded), and in a record's words.
 *
 * Is: an ear in the page, which tells the test each digit as it hears it, over reloads; a reader. Isn't: a judge (`exam.mjs`).
 */

const WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** Fills `heard` with `{ digit, at }` from now on. */
export async function hearDigits(page, heard) {
  await page.exposeFunction("vivavoceHears", (digit) => void heard.push({ digit: Number(digit), at: Date.now() }));
  await page.addInitScript(digitEar);
}

/** What a record's entries have of one speaker; of what was cut off, as far as it was heard. */
export function recorded(entries, speaker) {
  const theirs = entries.filter((entry) => entry.speaker === speaker);
  return theirs.map(({ text, interrupted, heard_text: heard }) => digitsIn(interrupted && typeof heard === "string" ? heard : text)).join("");
}

/** The digits that a text names. */
const digitsIn = (text) => (text.toLowerCase().match(/[a-z]+/g) ?? []).map((word) => WORDS.indexOf(word)).filter((digit) => digit >= 0).join("");

/** Runs in the page before its own scripts; `window.vivavoceHears` is the test's. */
function digitEar() {
  const LOW = [697, 770, 852, 941];
  const HIGH = [1209, 1336, 1477];
  const KEYS = ["123", "456", "789", " 0 "];
  const WINDOW_S = 0.02;
  const LEVEL_MIN = 0.01; // Root mean square of full scale.
  const SHARE_MIN = 0.7; // Of a window's power, in its two strongest tones.
  const BETWEEN_S = 0.1; // A burst that a busy machine has torn is one: the same digit again comes after a longer silence.
  const FRAMES_MAX = 1_000; // Of 10 ms: a page that is busy hears later, and all of it.
  /** The power of one tone, as a share of the window's. */
  const share = (samples, rate, hz, power) => {
    const k = 2 * Math.cos((2 * Math.PI * hz) / rate);
    let [a, b] = [0, 0];
    for (const sample of samples) [a, b] = [sample + k * a - b, a];
    return (2 * (a * a + b * b - k * a * b)) / (samples.length * power);
  };
  const digitIn = (samples, rate) => {
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0);
    if (Math.sqrt(power / samples.length) < LEVEL_MIN) return null;
    const best = (tones) => tones.map((hz, at) => [share(samples, rate, hz, power), at]).sort(([a], [b]) => b - a)[0];
    const [[low, row], [high, column]] = [best(LOW), best(HIGH)];
    return low + high < SHARE_MIN || Math.min(low, high) < 0.1 ? undefined : KEYS[row][column];
  };
  const listen = async (track) => {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: FRAMES_MAX }).readable.getReader();
    let kept = new Float32Array(0);
    let seen = null; // The last window's digit: a burst has two in a row at least.
    let told = null; // The burst that is on.
    let silence = 0;
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const { sampleRate: rate, numberOfFrames } = frame;
      const all = new Float32Array(kept.length + numberOfFrames);
      all.set(kept);
      frame.copyTo(all.subarray(kept.length), { planeIndex: 0, format: "f32-planar" });
      frame.close();
      const size = Math.round(rate * WINDOW_S);
      let at = 0;
      for (; at + size <= all.length; at += size / 2) {
        const digit = digitIn(all.subarray(at, at + size), rate);
        silence = digit === null ? silence + WINDOW_S / 2 : 0;
        if (silence >= BETWEEN_S) told = null;
        if (typeof digit === "string" && digit === seen && told !== digit) window.vivavoceHears((told = digit));
        seen = digit;
      }
      kept = all.slice(at);
    }
  };
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      this.addEventListener("track", ({ track }) => void listen(track));
    }
  };
}
