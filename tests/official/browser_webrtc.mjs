// @openai/agents-realtime in Chromium over WebRTC: connects, hears, is heard, is interrupted, ends by the tool.
// Environment: SIMULATOR (binary), CHROMIUM (default /usr/bin/chromium).
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve, startSimulator, voiceWav } from "./simulator.mjs";

const QUESTIONS = 3;
const folder = await mkdtemp(join(tmpdir(), "vivavoce-official-"));
const microphone = join(folder, "microphone.wav");
// Short enough a loop that some turn falls into the interviewer's speech.
await writeFile(microphone, voiceWav([{ loud: 1.6, quiet: 3.9 }]));
const simulator = await startSimulator({ questions: QUESTIONS });
const site = await serve(import.meta.dirname);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${microphone}`,
    "--autoplay-policy=no-user-gesture-required",
  ],
});
try {
  const base = `http://${simulator.addr}/v1`;
  const made = await fetch(`${base}/realtime/client_secrets`, {
    method: "POST",
    headers: { authorization: "Bearer sk-test", "content-type": "application/json" },
    body: JSON.stringify({ session: { type: "realtime", model: "gpt-realtime-2.1" } }),
  }).then((response) => response.json());
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && console.error("page:", message.text()));
  page.on("pageerror", (error) => console.error("page:", error.message));
  await page.goto(`http://127.0.0.1:${site.port}/page.html`);
  await page.waitForFunction(() => "interview" in window);
  const deadline = new Promise((_, reject) => setTimeout(() => reject(new Error("no end within 90 s")), 90_000).unref());
  const seen = await Promise.race([page.evaluate((options) => window.interview(options), { base, key: made.value, insecure: false }), deadline]);

  assert.equal(seen.ended, "by the tool");
  assert.deepEqual(seen.errors, []);
  assert.ok(seen.connectMs < 3_000, `connect took ${seen.connectMs} ms`);
  assert.ok(seen.audioEnergy > 0.001, `heard nothing: ${seen.audioEnergy}`);
  for (const type of ["session.updated", "input_audio_buffer.committed", "output_audio_buffer.started", "response.done"]) {
    assert.ok(seen.events[type] >= 1, `${type} never came`);
  }
  const words = (role) =>
    seen.history.filter((item) => item.type === "message" && item.role === role).map((item) => item.content[0]?.transcript ?? "");
  assert.ok(words("user").length >= QUESTIONS, `user turns: ${words("user")}`);
  assert.ok(words("user").every((text) => text.startsWith("[simulated transcript]")), `${words("user")}`);

  const call = await simulator.control(`calls/${seen.callId}`);
  const said = call.items.filter((item) => item.origin === "said" && item.type === "message").map((item) => item.words)
    .filter((words) => words !== ""); // an answer that was cut off before its first word
  assert.equal(said.length, QUESTIONS + 1, `said: ${said}`);
  assert.match(said[0], /simulated interviewer/);
  assert.match(said.at(-1), /Goodbye/);
  assert.deepEqual(call.errors, []);
  assert.deepEqual(
    call.items.filter((item) => item.origin === "heard").map((item) => item.words),
    words("user").map((text) => text.trim()),
  );
  console.log(
    `browser: connected in ${seen.connectMs} ms, ${said.length} answers heard, ${words("user").length} turns, ${call.truncations.length} interrupted, ${call.received.packets} packets in, ${call.received.lost} lost`,
  );
} finally {
  await browser.close();
  site.stop();
  simulator.stop();
  await rm(folder, { recursive: true });
}
