/** Coming back: a reload in the middle, a second tab, a microphone that is refused. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { close, launch, newCandidate, throughCheck, toCheck } from "./candidate.mjs";
import { startDemo } from "./demo.mjs";
import { decoded } from "./ear.mjs";
import { quietVoice } from "./voice.mjs";

let demo;
let browser;

before(async () => {
  demo = await startDemo();
  browser = await launch(quietVoice());
});

after(async () => {
  if (browser !== undefined) await close(browser);
  await demo?.stop();
  demo?.mustKeepSecrets();
});

test("a reload finds the interview, and a second tab takes it over", { timeout: 240_000 }, async () => {
  const { context, page } = await newCandidate(browser);
  await context.grantPermissions(["microphone"], { origin: demo.http });
  let acks = 0;
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => (acks += /"type":"ack"/.test(String(payload)) ? 1 : 0)));
  await toCheck(page, demo.invitation_url);
  await throughCheck(page);
  const opening = page.locator('.utterance[data-speaker="ai"]').first();
  await opening.waitFor({ timeout: 20_000 });

  const dialled = (await demo.calls()).calls.map(({ id }) => id);
  await page.reload();
  await page.getByRole("button", { name: "Type instead" }).waitFor();
  await opening.waitFor({ timeout: 20_000 });
  assert.deepEqual((await demo.calls()).calls.map(({ id }) => id), dialled, "the AI side was not dialled anew");
  await page.getByText("Connected", { exact: true }).waitFor();

  const second = await context.newPage();
  await second.goto(demo.invitation_url);
  await second.getByRole("button", { name: "I agree, begin" }).click();
  await throughCheck(second);
  await page.getByRole("heading", { name: "The interview went on in another tab." }).waitFor();
  await second.getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Return here" }).click();
  await page.getByText("Connected", { exact: true }).waitFor();
  await second.getByRole("heading", { name: "The interview went on in another tab." }).waitFor();
  // The leg that came back carries sound: packets are played, whoever is speaking.
  await page.waitForFunction(async () => {
    const peer = window.vivavoceTest.peers.at(-1);
    for (const entry of (await peer.getStats()).values()) if (entry.type === "inbound-rtp" && entry.packetsReceived > 50) return true;
    return false;
  });
  assert.ok((await decoded(page)).peers >= 2);
  // Once a second, and now and then: page and relay do not ask and answer without end over what a page that went had not kept.
  assert.ok(acks < 150, `${acks} acknowledgements`);
  await context.close();
});

test("a microphone that is refused has a remedy, and typing", { timeout: 60_000 }, async () => {
  const strict = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium", args: ["--no-sandbox", "--deny-permission-prompts"] });
  try {
    const { page } = await newCandidate(strict);
    await toCheck(page, demo.invitation_url);
    await page.getByRole("button", { name: "Play the notes" }).click();
    await page.getByRole("button", { name: "Yes, I heard them" }).click();
    await page.getByRole("button", { name: "Use my microphone" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByRole("button", { name: "Go on without, and type" }).click();
    await page.getByRole("button", { name: "Start the interview" }).click();
    await page.getByLabel("Your answer").waitFor();
  } finally {
    await strict.close();
  }
});
