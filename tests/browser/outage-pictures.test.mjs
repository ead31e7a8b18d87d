/**
 * Each kind of outage, really caused: what stands on the candidate's page, what a screen reader is given, and a picture. The words at other
 * sizes and in the dark are `outages.test.mjs`'s.
 *
 * `make pictures` writes docs/outages: the pictures, and a page of them (`outage-page.mjs`). A test alone leaves the tree as it is.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate, pagesKept } from "./candidate.mjs";
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
const UNHEARD = "Your connection is away. What you say now is not heard; your earlier answers are kept.";
const TAKEN = "Your computer has taken the microphone. Press here to go on.";
const GIVEN = "You can be heard again. If you were speaking, please say it again.";
const BACK = "You are back. Nothing was lost.";

const seen = [];
after(() => {
  if (OUT === undefined) return;
  const words = pageOf(seen); // Says if one is lacking, before anything is overwritten.
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  for (const { name, picture } of seen) writeFileSync(join(OUT, `${name}.png`), picture);
  writeFileSync(join(OUT, "README.md"), words);
});

/** A candidate in the middle of an interview, whose page is behind a NAT if `net` is given. `ready`: done just before it begins. */
async function talk(options, body, { net, ready } = {}) {
  await withDemo(options, async (demo) => {
    const browser = await launch();
    try {
      await demo.control("defaults", { think_ms: 100 });
      const { context, page, faults } = await newCandidate(browser, { viewport: { width: 360, height: 740 } });
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
      await context.close();
    } finally {
      await close(browser);
      net?.net?.stop();
    }
  });
}

const statusIs = (page, words) =>
  page.waitForFunction((want) => document.querySelector('main [role="status"]')?.textContent.startsWith(want), words, { timeout: LONG_MS_MAX });

/** What the page says of it: `words` in its status, or a `heading` of a page of its own. */
async function look({ page, reader }, name, { words, heading }) {
  if (words !== undefined) await statusIs(page, words);
  else await page.getByRole("heading", { name: heading }).waitFor({ timeout: LONG_MS_MAX });
  await page.mouse.move(0, 0);
  const status = page.locator('main [role="status"]');
  const said = words === undefined ? `${heading} ${await page.locator("main p").first().innerText()}` : await status.innerText();
  const picture = await page.screenshot();
  const found = await page.locator("main").ariaSnapshot();
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
  seen.push({ name, said, read, found, picture });
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
        await look(at, "socket-away", { words: "The captions are away for a moment. The interview goes on." });
        net.isShut = false;
        await page.getByRole("button", { name: "Try now" }).click();
        await at.status("Connected");
        await at.speaks();

        reader.mark();
        net.net.cut();
        net.isCut = true;
        await look(at, "network-away", { words: AWAY });
        await look(at, "network-away-long", { words: `${AWAY} If there is another network, try it.` });
        net.net.mend();
        net.isCut = false;
        await look(at, "network-back", { words: BACK });
        await at.status("Connected");

        reader.mark();
        await page.evaluate(() => window.vivavoceMouth.take());
        await look(at, "microphone-ended", { words: TAKEN });
        await page.waitForTimeout(2_000); // as long as a loss that is worth a word
        reader.mark();
        await page.getByRole("button", { name: "Go on", exact: true }).click();
        await look(at, "microphone-back", { words: GIVEN });
        await at.status("Connected");
        reader.mark();
        await page.evaluate(() => window.vivavoceMouth.silence(true));
        await look(at, "microphone-muted", { words: TAKEN });
        await page.evaluate(() => window.vivavoceMouth.silence(false));
        await page.waitForFunction(() => !document.querySelector('main [role="status"]').textContent.startsWith("Your computer"));
        await at.status("Connected");

        reader.mark();
        const second = await context.newPage();
        await second.addInitScript(mouth);
        await enter(second, demo);
        await look(at, "another-tab", { heading: "The interview went on in another tab." });
        await page.getByRole("button", { name: "Return here" }).click();
        await at.status("Connected");
      },
      { net },
    );
  });

  test("of the relay's process and of the interviewer, to the bitter end", { timeout: 300_000 }, () =>
    talk({ apart: true }, async (at) => {
      const { demo, page, context, reader } = at;
      reader.mark();
      await demo.signal("SIGKILL");
      await look(at, "relay-killed", { words: AWAY });
      await demo.startAgain();
      await look(at, "relay-back", { words: BACK });
      await at.status("Connected");
      await at.speaks();

      await pagesKept(page);
      await demo.signal("SIGKILL");
      await at.status(AWAY);
      reader.mark();
      await page.reload();
      await look(at, "loaded-without-host", { words: UNHEARD });
      const second = await context.newPage();
      const link = { page: second, reader: await readerOf(second) };
      await second.goto(demo.invitation_url);
      await look(link, "link-without-host", { heading: "There is no connection" });
      await second.close();
      await demo.startAgain();
      await at.status("Connected");
      await at.speaks();

      await demo.control("faults", { kind: "session", stall: 1_000 });
      reader.mark();
      await page.evaluate(() => window.vivavoceMouth.say("1234567890"));
      await look(at, "interviewer-late", { words: "The interviewer takes longer than usual. What you said is kept: no need to say it again." });
      await page.waitForFunction(() => !document.querySelector('main [role="status"]').textContent.startsWith("The interviewer takes"), undefined, { timeout: LONG_MS_MAX });
      await at.status("Connected");

      await demo.control("faults", { kind: "refuse", for_ms: 120_000, status: 500 });
      reader.mark();
      await demo.control("faults", { kind: "vanish" });
      await look(at, "interviewer-away", { words: "The interviewer is reconnecting. What you say is kept." });
      await look(at, "interviewer-refused", { words: "The interviewer can't be reached yet. You can wait here, or come back by the same link until " });
      await demo.control("faults", { kind: "refuse", count: 0 });
      await at.status("Connected");

      await demo.control("faults", { kind: "refuse", for_ms: 120_000, status: 401 });
      reader.mark();
      await demo.control("faults", { kind: "vanish" });
      await look(at, "failed", { heading: "We could not finish, and that was not you." });
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
        await look(at, "store-away", { words: "Connected. Your answers are kept here until they can be filed." });
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
