/**
 * A page that was loaded once is loaded again while its host is away: it comes from the worker's cache (`web/app/worker`), says what is so,
 * has what was said in IndexedDB, and comes back by itself when the host does. An interview in digits, and nothing of it lost.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { mustBeAccessible } from "./accessibility.mjs";
import { close, launch, newCandidate } from "./candidate.mjs";
import { startDemo } from "./demo.mjs";
import { exam } from "./exam.mjs";

const UNREACHED = "Your connection is away. What you say now is not heard; your earlier answers are kept. This page comes back by itself.";

/** The worker has all that it keeps, and answers this page. */
const kept = (page) =>
  page.waitForFunction(async () => {
    await navigator.serviceWorker.ready;
    const [name] = await caches.keys();
    return navigator.serviceWorker.controller !== null && name !== undefined && (await (await caches.open(name)).match("/")) !== undefined;
  });

/** Names of all that is stored, and everything that a stored document says. */
const stored = (page) =>
  page.evaluate(async () => {
    const found = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const answer = await cache.match(request);
        found.push({ url: request.url, answerUrl: answer.url, policy: answer.headers.get("content-security-policy"), text: await answer.text() });
      }
    }
    return found;
  });

/** The relay dies as the answer ends: what the AI has not for good is in the page alone. The page is loaded anew before there is another. */
async function reloadWithoutHost({ demo, page }) {
  await kept(page);
  await demo.kill();
  await page.getByText("Your connection is away. Go on if you like: what you say is kept.").waitFor();
  await page.reload();
  await page.getByText(UNREACHED).waitFor({ timeout: 20_000 });
  await mustBeAccessible(page, "loaded without its host");
  assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].workerStart > 0), true, "by the worker");
  await demo.again();
  await page.getByText("Connected", { exact: true }).waitFor({ timeout: 30_000 });
}

for (const [part, into] of [["between", 0], ["ai", 5]]) {
  test(`the relay is killed and the page is loaded anew before it is back (${part})`, { timeout: 240_000 }, () =>
    exam({ strikes: [{ turn: 1, part, into, strike: reloadWithoutHost }] }));
}

/** A candidate at a demo of the test's own. No interview is held: there is nothing in its log to be searched. */
async function visited(body) {
  const demo = await startDemo({ apart: true });
  const browser = await launch();
  try {
    const { page, faults } = await newCandidate(browser);
    await body(demo, page);
    assert.deepEqual(faults, []);
  } finally {
    await close(browser);
    await demo.stop();
  }
}

test("what is stored has no secret in it, and another version takes its place", { timeout: 120_000 }, () =>
  visited(async (demo, page) => {
    await page.goto(demo.invitation_url);
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
    await kept(page);
    await page.goto(demo.invitation_url); // by the worker now
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
    const entries = await stored(page);
    const paths = entries.map(({ url }) => new URL(url).pathname + new URL(url).search);
    assert.ok(paths.includes("/") && paths.some((path) => path.startsWith("/assets/")), paths.join(" "));
    assert.ok(paths.every((path) => path === "/" || path === "/icon.svg" || path.startsWith("/assets/")), `nothing but the pages: ${paths}`);
    assert.ok(!JSON.stringify(entries).includes(demo.invitation_token), "no invitation's token");
    const document = entries.find(({ url }) => new URL(url).pathname === "/");
    assert.match(document.policy, /script-src 'self'/);

    const worker = await fetch(`${demo.http}/sw.js`);
    assert.equal(worker.headers.get("cache-control"), "no-cache");
    assert.match(worker.headers.get("content-type"), /^text\/javascript/);

    // Two versions before this one have left something: the older goes when the next worker begins.
    await page.evaluate(async () => {
      for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
      for (const name of await caches.keys()) await caches.delete(name);
      for (const name of ["theirs", "vivavoce-pages-1", "vivavoce-pages-2"]) await caches.open(name);
    });
    await page.goto(demo.invitation_url);
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
    await page.waitForFunction(async () => {
      const names = await caches.keys();
      return names.length === 3 && names[0] === "theirs" && names[1] === "vivavoce-pages-2";
    });
  }));

test("an invitation that is opened again without its host says so, and goes on once there is one", { timeout: 120_000 }, () =>
  visited(async (demo, page) => {
    await page.goto(demo.invitation_url);
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
    await kept(page);
    await demo.kill();
    // An invitation's link, opened without its host: our page, its words, and the way on once the host is back.
    await page.goto(demo.invitation_url);
    await page.getByRole("heading", { name: "There is no connection" }).waitFor();
    await mustBeAccessible(page, "an invitation without its host");
    await demo.again();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "I agree, begin" }).waitFor();
  }));
