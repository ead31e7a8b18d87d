/**
 * A page that was loaded once, while its host is away: the tab is reloaded, or the link opened once more, and it comes up, says in words
 * that the connection is away, and goes on by itself. What was said is judged by digits: once each, in their place.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate, pagesKept, visitOf } from "./candidate.mjs";
import { until } from "./child.mjs";
import { startDemo, withDemo } from "./demo.mjs";
import { recorded } from "./digits.mjs";
import { digitsOf, enter, mouth } from "./mouth.mjs";

const OUT = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "vivavoce-pictures-"));
mkdirSync(OUT, { recursive: true });

const TURNS = 3;
const COUNT = "0123456789";
const SAID_WHILE_AWAY = "Your connection is away. Go on if you like: what you say is kept.";
const UNHEARD = "Your connection is away. What you say now is not heard; your earlier answers are kept.";

/** The interviewer has heard `said`, has answered, and waits. False: it has said goodbye. */
async function answered(demo, page, at, said) {
  const seen = await until(
    async () => {
      const { items, said_by_user } = (await demo.accounts()).at(-1);
      const last = items.filter(({ words }) => words !== "").at(-1);
      const { status } = await demo.session(at.sessionId, at.token);
      const waits = last?.role === "assistant" && last.truncated_ms === null && last.words.endsWith("nine");
      return { met: status === "completed" || (said_by_user === said && waits), seen: { status, said_by_user, last } };
    },
    60_000,
    `it has heard ${said}, and answered`,
  );
  if (seen.status === "completed") return false;
  await page.locator(".presence").getByText("Listening").first().waitFor({ timeout: 20_000 });
  return true;
}

/** What the page's caches hold: names of caches, and addresses. */
const shelves = (page) =>
  page.evaluate(async () => {
    const names = await caches.keys();
    const held = await Promise.all(names.map(async (name) => (await (await caches.open(name)).matchAll()).map((response) => response.url)));
    const asked = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)));
    return { names, held: held.flat(), asked: asked.flat() };
  });

/** An interview up to where the host was away in the midst of a turn, the tab was reloaded, and both are back. */
async function reloaded({ demo, page }, name, { goes, comes, turns = TURNS }) {
  await demo.control("defaults", { mode: "exam", exam: { turns }, think_ms: 100 });
  await page.addInitScript(mouth);
  await enter(page, demo);
  await pagesKept(page);
  await page.getByText("Connected", { exact: true }).waitFor();
  const visit = await visitOf(page, demo);
  const at = { sessionId: visit.sessionId, token: visit.accessToken };
  let said = "";
  const say = async (count) => {
    const digits = digitsOf(count, 11 + said.length);
    said += digits;
    await page.evaluate((all) => window.vivavoceMouth.say(all), digits);
  };

  await answered(demo, page, at, said);
  await say(8);
  await answered(demo, page, at, said);
  // in the midst of the second turn
  const heardMin = said.length + 5;
  await say(20);
  await until(async () => ((seen) => ({ met: seen.length >= heardMin, seen }))((await demo.accounts()).at(-1).digits_text), 20_000, "some of it is heard");
  await goes();
  await page.waitForFunction(() => window.vivavoceMouth.isSilent());
  await page.getByText(SAID_WHILE_AWAY).waitFor({ timeout: 10_000 });

  const answer = await page.reload({ timeout: 10_000 });
  assert.ok(answer.fromServiceWorker(), "the page was kept");
  await page.locator('main [role="status"]').getByText(UNHEARD).waitFor({ timeout: 20_000 });
  await mustBeAccessible(page, name);
  await page.screenshot({ path: join(OUT, `offline-${name}.png`) });
  // the page that went has asked for it; a busy disk may be at it yet
  await until(async () => ((seen) => ({ met: seen === 1, seen }))(await page.evaluate(interviewsKept)), 10_000, "what was said is still kept");

  await comes();
  await page.getByText("Connected", { exact: true }).waitFor({ timeout: 30_000 });
  return { at, say, said: () => said, visit };
}

/** In the page: of how many interviews speech is on the shelf. */
const interviewsKept = () =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open("vivavoce");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const counting = opening.result.transaction("speech").objectStore("speech").count();
      counting.onerror = () => reject(counting.error);
      counting.onsuccess = () => {
        opening.result.close();
        resolve(counting.result);
      };
    };
  });

const record = async (demo, { sessionId, token }, speaker) => recorded(await demo.transcript(sessionId, token), speaker);

/** The candidate's digits are with the interviewer and in the record, once each, in their place; no cache holds what is secret. */
async function nothingIsLost({ demo, page, faults }, { at, said, visit }) {
  await page.getByRole("heading", { name: "Thank you for the talk" }).waitFor({ timeout: 20_000 });
  assert.equal((await demo.accounts()).at(-1).said_by_user, said(), "the interviewer has it all");
  assert.equal(await record(demo, at, "candidate"), said(), "and so has the record");
  const shelf = await shelves(page);
  const secrets = [visit.accessToken, demo.invitation_token, at.sessionId, "token", "/api", "/interview"];
  for (const secret of secrets) assert.ok(![...shelf.held, ...shelf.asked].some((url) => url.includes(secret)), `${shelf.asked}`);
  assert.deepEqual(faults, []);
}

async function withBrowser(demo, body) {
  const browser = await launch();
  try {
    await body({ demo, ...(await newCandidate(browser, { viewport: { width: 360, height: 740 } })) });
  } finally {
    await close(browser);
  }
}

const held = (body) => withDemo({ apart: true }, (demo) => withBrowser(demo, body));

/** No interview is held: there is no log of one to be searched. */
async function visited(body) {
  const demo = await startDemo({ apart: true });
  try {
    await withBrowser(demo, body);
  } finally {
    await demo.stop();
  }
}

test("a tab that is reloaded while the relay's process is dead comes up, and the interview goes on in the next", { timeout: 240_000 }, () =>
  held(async (world) => {
    const { demo, page } = world;
    const one = await reloaded(world, "dead", { goes: () => demo.signal("SIGKILL"), comes: () => demo.startAgain() });
    while (await answered(demo, page, one.at, one.said())) await one.say(7);
    await nothingIsLost(world, one);
    assert.equal(await record(demo, one.at, "ai"), COUNT.repeat(TURNS), "and of the interviewer nothing is lost or said again");
  }));

test("and while it is frozen and answers nobody: what was said is heard, once, and answered", { timeout: 240_000 }, () =>
  held(async (world) => {
    const { demo, page } = world;
    // The interviewer hears silence meanwhile: it may take the half for a turn and answer it, and that answer counts as one of its turns.
    const one = await reloaded(world, "frozen", { goes: () => demo.signal("SIGSTOP"), comes: () => demo.signal("SIGCONT"), turns: 2 * TURNS });
    await until(async () => ((seen) => ({ met: seen === one.said(), seen }))(await record(demo, one.at, "candidate")), 60_000, `${one.said()} is in the record`);
    assert.ok(await answered(demo, page, one.at, one.said()), "it has not said goodbye");
    await page.getByRole("button", { name: "End" }).click();
    await page.getByRole("button", { name: "End it now" }).click();
    await nothingIsLost(world, one);
  }));

test("a link that is opened while its host is away says so, and opens by itself", { timeout: 120_000 }, () =>
  visited(async ({ demo, context, page, faults }) => {
    await page.goto(demo.invitation_url);
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
    await pagesKept(page);
    await demo.signal("SIGKILL");
    const second = await context.newPage();
    await second.goto(demo.invitation_url);
    await second.getByRole("heading", { name: "There is no connection" }).waitFor();
    await demo.startAgain();
    await second.getByRole("button", { name: "I agree, begin" }).waitFor({ timeout: 20_000 });
    assert.ok(!second.url().includes("token"), second.url());
    assert.deepEqual(faults, []);
  }));

test("a build's files are kept whole, under no address that a page was opened by, and the ones before it go", { timeout: 60_000 }, () =>
  visited(async ({ demo, page, faults }) => {
    await page.goto(demo.http);
    await page.evaluate(() => Promise.all(["vivavoce-pages-older", "somebody-else's"].map((name) => caches.open(name))));
    await page.goto(demo.invitation_url);
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
    await pagesKept(page);
    await until(async () => ((seen) => ({ met: seen.names.length === 2, seen }))(await shelves(page)), 10_000, "the older one is gone");
    const { names, asked } = await shelves(page);
    assert.ok(names.includes("somebody-else's") && !names.includes("vivavoce-pages-older"), `${names}`);
    const paths = asked.map((url) => url.slice(demo.http.length)).sort();
    assert.deepEqual([paths[0], paths.at(-1)], ["/", "/icon.svg"]);
    assert.ok(paths.slice(1, -1).length >= 3 && paths.slice(1, -1).every((path) => /^\/assets\/[\w-]+\.(js|css)$/.test(path)), `${paths}`);
    const worker = await fetch(`${demo.http}/pages-worker.js`);
    assert.deepEqual(
      [worker.status, worker.headers.get("content-type"), worker.headers.get("cache-control")],
      [200, "text/javascript; charset=utf-8", "no-cache"],
    );
    assert.match(worker.headers.get("content-security-policy"), /worker-src 'self'/);
    assert.deepEqual(faults, []);
  }));
