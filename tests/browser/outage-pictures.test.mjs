/**
 * Each kind of outage, really caused: what stands on the candidate's page, what a screen reader is given, and a picture. The words in every
 * size and colour scheme are `outages.test.mjs`'s.
 *
 * `npm run outages` writes docs/outages: the pictures, and a page of them. A test alone leaves the tree as it is.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { enter, mouth } from "./mouth.mjs";
import { behindNat } from "./nat.mjs";
import { page as pageOf } from "./outage-page.mjs";
import { mustBeInTheTree, readerOf } from "./reader.mjs";

const OUT = process.env.OUTAGE_PICTURES;
const DISK_MIB = 2;
const LONG_MS_MAX = 60_000;
const AWAY = "Your connection is away. Go on if you like: what you say is kept.";
const UNREACHED = "Your connection is away. What you say now is not heard; your earlier answers are kept. This page comes back by itself.";
const TAKEN = "Your computer has taken the microphone. Press here to go on.";
const GIVEN = "You can be heard again. If you were speaking, please say it again.";
const BACK = "You are back. Nothing was lost.";

const seen = [];
after(() => {
  if (OUT === undefined) return;
  mkdirSync(OUT, { recursive: true });
  for (const { name, picture } of seen) writeFileSync(join(OUT, `${name}.png`), picture);
  writeFileSync(join(OUT, "README.md"), pageOf(seen));
});

/** A candidate in the middle of an interview, whose page is behind a NAT if `net` is given. `ready`: done just before it begins. */
async function talk(options, body, { net, ready } = {}) {
  await withDemo(options, async (demo) => {
    const browser = await launch();
    try {
      await demo.control("defaults", { think_ms: 100 });
      const { context, page, faults } = await newCandidate(browser, { viewport: { width: 390, height: 700 } });
      await context.grantPermissions(["microphone"], { origin: demo.http });
      await page.addInitScript(mouth);
      const acks = { count: 0 };
      page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => (acks.count += /"type":"ack"/.test(String(payload)) ? 1 : 0)));
      if (net !== undefined) await behindNat(page, net);
      const reader = await readerOf(page);
      await enter(page, demo, ready && (() => ready(reader)));
      const at = { demo, page, context, reader, status: (words) => statusIs(page, words) };
      at.speaks = async () => {
        const before = net?.acks ?? acks.count;
        await page.evaluate(() => window.vivavoceMouth.say("1234567890"));
        // From the relay's acknowledgement of what is said the page may promise.
        await until(async () => ({ met: (net?.acks ?? acks.count) > before, seen: acks }), 20_000, "the relay acknowledges");
      };
      await page.locator('.utterance[data-speaker="ai"][data-final="true"]').first().waitFor({ timeout: 30_000 });
      await at.status("Connected");
      await at.speaks();
      await body(at);
      assert.deepEqual(faults, []);
      await breakOff(demo); // Leaves a line of the finest level, so that the log is known to be searched to the last.
      await context.close();
    } finally {
      await close(browser);
      net?.net?.stop();
    }
  });
}

/** A connection that ends in the middle of a request. */
async function breakOff({ http }) {
  const socket = connect(Number(new URL(http).port), "127.0.0.1").on("error", () => undefined);
  socket.resume().end("GET / HTTP/1.1\r\nhost: ");
  await once(socket, "close");
}

const statusIs = (page, words) =>
  page.waitForFunction((want) => document.querySelector('main [role="status"]')?.textContent.startsWith(want), words, { timeout: LONG_MS_MAX });

/** `name`, `kind`, what the page says (`words`: in its status; `heading`: on a page of its own), `until`: when it goes. */
async function look({ page, reader, status }, { name, kind, words, heading, until: goes }) {
  if (words !== undefined) await status(words);
  else await page.getByRole("heading", { name: heading }).waitFor({ timeout: LONG_MS_MAX });
  await page.mouse.move(0, 0);
  const said = words === undefined ? `# ${heading}\n${await page.locator("main .lead").innerText()}` : await page.locator('main [role="status"]').innerText();
  const picture = await page.screenshot();
  await mustBeAccessible(page, name);
  if (words !== undefined) {
    await mustBeInTheTree(page, said);
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), `${name}: the talk fits the window`);
  }
  const read = reader.since();
  reader.mark();
  const texts = read.map(({ text }) => text);
  assert.equal(new Set(texts).size, texts.length, `${name}: nothing is read twice: ${texts.join(" | ")}`);
  const wanted = words === undefined ? `heading "${heading}"` : said;
  assert.equal(texts.filter((text) => text === wanted).length, 1, `${name}: read once: ${texts.join(" | ")}`);
  assert.equal(texts.at(-1), wanted, `${name}: and last`);
  assert.ok(read.every(({ how }) => how !== "assertive"), `${name}: nobody is interrupted`);
  seen.push({ name, kind, said, read, goes, picture });
}

describe("an outage, as a candidate sees and hears it", { concurrency: 2 }, () => {
  test("of their network, socket or microphone, and another tab", { timeout: 240_000 }, () => {
    const net = { net: undefined, isCut: false, frames: 0, sockets: 0, acks: 0 };
    return talk(
      {},
      async (at) => {
        const { demo, page, context, reader } = at;
        reader.mark();
        net.isShut = true;
        net.closes();
        await look(at, { name: "socket-away", kind: "the socket alone is away, sound is well", words: "The captions are away for a moment. The interview goes on.", until: "a socket opens again" });
        net.isShut = false;
        await page.getByRole("button", { name: "Try now" }).click();
        await at.status("Connected");
        await at.speaks();

        reader.mark();
        net.net.cut();
        net.isCut = true;
        await look(at, { name: "network-away", kind: "the candidate's network is away, over 2 s", words: AWAY, until: "something is heard from the relay again" });
        await look(at, { name: "network-away-long", kind: "the same, over 10 s", words: `${AWAY} If there is another network, try it.`, until: "the same" });
        net.net.mend();
        net.isCut = false;
        await look(at, { name: "network-back", kind: "it is back", words: BACK, until: "6 s have passed" });
        await at.status("Connected");

        reader.mark();
        await page.evaluate(() => window.vivavoceMouth.take());
        await look(at, { name: "microphone-ended", kind: "the microphone was ended by the system", words: TAKEN, until: "it is given back by a press (“Go on”)" });
        await page.waitForTimeout(2_000); // as long as a loss that is worth a word
        reader.mark();
        await page.getByRole("button", { name: "Go on", exact: true }).click();
        await look(at, { name: "microphone-back", kind: "it is given back", words: GIVEN, until: "6 s have passed" });
        await at.status("Connected");
        reader.mark();
        await page.evaluate(() => window.vivavoceMouth.hush(true));
        await look(at, { name: "microphone-muted", kind: "the microphone was muted by the system (a call)", words: TAKEN, until: "the system gives it back, or by a press" });
        await page.evaluate(() => window.vivavoceMouth.hush(false));
        await page.waitForFunction(() => !document.querySelector('main [role="status"]').textContent.startsWith("Your computer"));
        await at.status("Connected");

        reader.mark();
        const second = await context.newPage();
        await second.addInitScript(mouth);
        await enter(second, demo);
        await look(at, { name: "another-tab", kind: "another tab or device has the interview", heading: "The interview went on in another tab.", until: "it is returned by a press (“Return here”)" });
        await page.getByRole("button", { name: "Return here" }).click();
        await at.status("Connected");
      },
      { net },
    );
  });

  test("of the relay's process and of the interviewer, to the bitter end", { timeout: 300_000 }, () =>
    talk({ apart: true }, async (at) => {
      const { demo, page, reader } = at;
      reader.mark();
      await demo.kill();
      await look(at, { name: "relay-killed", kind: "the relay's process was killed", words: AWAY, until: "its next start, or another process, has taken the interview up" });
      await demo.again();
      await look(at, { name: "relay-back", kind: "the interview was taken up again", words: BACK, until: "6 s have passed" });
      await at.status("Connected");
      await at.speaks();

      await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
      await demo.kill();
      await at.status(AWAY);
      reader.mark();
      await page.reload();
      await look(at, { name: "loaded-without-host", kind: "the page was loaded anew while its host is away (from its cache)", words: UNREACHED, until: "the host is back: the page comes back by itself" });
      await demo.again();
      await at.status("Connected");
      await at.speaks();

      await demo.control("faults", { kind: "session", stall: 1_000 });
      reader.mark();
      await page.evaluate(() => window.vivavoceMouth.say("1234567890"));
      await look(at, { name: "interviewer-late", kind: "an answer of the AI's is late, or it is stuck", words: "The interviewer takes longer than usual. What you said is kept: no need to say it again.", until: "it answers, or another is called" });
      await page.waitForFunction(() => !document.querySelector('main [role="status"]').textContent.startsWith("The interviewer takes"), undefined, { timeout: LONG_MS_MAX });
      await at.status("Connected");

      await demo.control("faults", { kind: "refuse", for_ms: 120_000, status: 500 });
      reader.mark();
      await demo.control("faults", { kind: "vanish" });
      await look(at, { name: "interviewer-away", kind: "the AI is away, over 2 s", words: "The interviewer is reconnecting. What you say is kept.", until: "another is there, which knows what was said" });
      await look(at, { name: "interviewer-refused", kind: "the AI service refuses for over 10 s", words: "The interviewer can't be reached yet. You can wait here, or come back by the same link until ", until: "the same" });
      await demo.control("faults", { kind: "refuse", count: 0 });
      await at.status("Connected");

      await demo.control("faults", { kind: "refuse", for_ms: 120_000, status: 401 });
      reader.mark();
      await demo.control("faults", { kind: "vanish" });
      await look(at, { name: "failed", kind: "the interview could not be brought back", heading: "We could not finish, and that was not you.", until: "never: the record has what was said" });
    }));

  test("of the disk", { timeout: 180_000 }, async () => {
    const data = mkdtempSync(join(tmpdir(), "vivavoce-disk-"));
    const disk = join(data, "journal");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "tmpfs", disk]); // takes root, as `tests/support/disk.rs` does
    const filler = join(disk, "filler");
    try {
      // Before the interview writes its first word: of a journal's file that is there already, all is there.
      const fill = async (reader) => {
        reader.mark();
        try {
          writeFileSync(filler, Buffer.alloc(DISK_MIB << 20));
        } catch {
          // It is full.
        }
      };
      const body = async (at) => {
        await look(at, { name: "store-away", kind: "the journal's disk is full (a database that is away is not noticed: entries are in the journal)", words: "Connected. Your answers are kept here until they can be filed.", until: "there is room again" });
        rmSync(filler);
        await at.page.waitForFunction(() => document.querySelector('main [role="status"]').textContent === "Connected", undefined, { timeout: LONG_MS_MAX });
        await at.speaks(); // The interview goes on.
        await at.page.locator('.utterance[data-speaker="ai"][data-final="true"]').nth(1).waitFor({ timeout: LONG_MS_MAX });
      };
      await talk({ data }, body, { ready: fill });
    } finally {
      execFileSync("umount", ["-l", disk]);
      rmSync(data, { recursive: true, force: true });
    }
  });
});
