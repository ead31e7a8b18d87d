/**
 * How long it takes to join: one interview after the other in one running server, by the product's own SDK in Chromium.
 *
 *   node joins.mjs --server BIN --simulator BIN [--joins 100] [--json FILE] [--markdown FILE]
 *
 * Prints one line of JSON: what 50, 95 and 100 of 100 joins took, in ms. The candidate's leg: from its offer's leaving the page
 * until the peer connection is `connected` there. The whole interview: from the wish to join, the socket's opening included,
 * until the page knows that both legs are up (`sound` is the interviewer's first packet). `--markdown` adds the table to a page.
 * A join that fails, or takes longer than its deadline, is told, and makes the exit status 1.
 */

import { appendFile, readFile, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { close, launch, newCandidate } from "./candidate.mjs";
import { until } from "./child.mjs";
import { startDemo } from "./demo.mjs";
import { post } from "./visit.mjs";

const JOIN_MS_MAX = 15_000;
const GOALS = { leg: 60, ready: 400 };
const SDK = new URL("../../web/sdk/dist/", import.meta.url);
const SAMPLE = { candidate_id: "018f0000-0000-7000-8000-000000000003", position_id: "018f0000-0000-7000-8000-000000000002" };
/** What is told of each join, in the order in which it comes. */
const STEPS = ["opened", "welcomed", "offered", "answered", "connected", "sound", "ready"];

/** Runs in the page before its own scripts: notes when the SDK's own socket and peer do what. */
function watch() {
  const noted = (name) => window.join !== undefined && (window.join[name] ??= performance.now() - window.join.began);
  const words = { welcome: "welcomed", answer: "answered" };
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("open", () => noted("opened"));
      this.addEventListener("message", ({ data }) => {
        const word = words[JSON.parse(data).type];
        if (word !== undefined) noted(word);
      });
    }
    send(text) {
      super.send(text);
      if (text.startsWith('{"type":"offer"')) noted("offered");
    }
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      this.addEventListener("connectionstatechange", () => this.connectionState === "connected" && noted("connected"));
      this.addEventListener("track", ({ track }) => track.addEventListener("unmute", () => noted("sound")));
    }
  };
}

/** In the page: one join, from the wish until both legs are up and the first packet of the interviewer's has come. */
async function join({ sessionId, accessToken, sdk, ms }) {
  const { Interview, openMicrophone } = await import(sdk);
  window.microphone ??= (await openMicrophone(navigator.mediaDevices)).stream;
  const interview = new Interview({ sessionId, accessToken, history: async () => [] });
  const marks = (window.join = { began: performance.now() });
  const over = new Promise((_, fail) => setTimeout(() => fail(new Error(`not within ${ms} ms: ${JSON.stringify(marks)}`)), ms));
  const ready = new Promise((done, fail) => {
    interview.on("problem", ({ code }) => fail(new Error(code)));
    interview.on("state", ({ phase, server }) => {
      if (phase.is === "refused") fail(new Error(phase.code));
      if (phase.is !== "live" || server?.candidate !== "up" || server.ai !== "up") return;
      marks.ready ??= performance.now() - marks.began;
      const sounds = setInterval(() => {
        if (marks.sound === undefined || marks.connected === undefined) return;
        clearInterval(sounds);
        done();
      }, 5);
    });
  });
  try {
    interview.join(window.microphone.clone());
    await Promise.race([ready, over]);
    return marks;
  } finally {
    interview.leave();
  }
}

async function once(demo, recruiter, page) {
  const invited = await post(`${demo.http}/api/invitations`, recruiter, SAMPLE);
  const { access_token: accessToken, invitation_id } = await post(`${demo.http}/api/invitations/redeem`, undefined, { token: invited.token });
  const { session_id: sessionId } = await post(`${demo.http}/api/sessions`, accessToken, { invitation_id });
  try {
    return await page.evaluate(join, { sessionId, accessToken, sdk: `${demo.http}/sdk-for-a-test/index.js`, ms: JOIN_MS_MAX });
  } finally {
    // The next one finds a machine at rest.
    await post(`${demo.http}/api/sessions/${sessionId}/complete`, accessToken, {});
    await until(async () => ({ met: (await demo.session(sessionId, accessToken)).status === "completed", seen: sessionId }), JOIN_MS_MAX, "it is over");
  }
}

const at = (sorted, share) => Math.round(10 * sorted[Math.ceil(share * sorted.length) - 1]) / 10;

function spread(figures) {
  const sorted = figures.toSorted((a, b) => a - b);
  return { p50: at(sorted, 0.5), p95: at(sorted, 0.95), max: at(sorted, 1) };
}

/** What the server itself counted, as far as its histogram tells. */
async function ofServer(demo, leg) {
  const text = await (await fetch(demo.metrics)).text();
  const value = (name) => Number(new RegExp(`^vivavoce_connect_seconds_${name}\\{leg="${leg}"\\} (\\S+)`, "m").exec(text)?.[1]);
  const count = value("count");
  const buckets = [...text.matchAll(new RegExp(`^vivavoce_connect_seconds_bucket\\{le="([^"]+)",leg="${leg}"\\} (\\d+)`, "gm"))];
  const p95 = buckets.find(([, , below]) => Number(below) >= 0.95 * count)?.[1];
  return { count, mean: Math.round((10_000 * value("sum")) / count) / 10, p95_at_most: Number(p95) * 1_000 };
}

function table({ joins, failed, leg_ms, ready_ms, steps_ms }) {
  const row = (name, { p50, p95, max }, goal) => `| ${name} | ${p50} | ${p95} | ${max} | ${goal} |\n`;
  return (
    `\n## Joining, in Chromium\n\n${joins} joins, one after the other, by the SDK in a page of Debian's Chromium, loopback, the same machine; ${failed} failed. ` +
    "The leg's time runs from its offer's leaving the page until the peer connection is connected there; the interview's from the wish to join, " +
    "the socket's opening included, until the page knows that both legs are up.\n\n| ms | p50 | p95 | max | goal (p95) |\n| --- | ---: | ---: | ---: | ---: |\n" +
    row("candidate's leg up", leg_ms, GOALS.leg) +
    row("whole interview ready", ready_ms, GOALS.ready) +
    STEPS.filter((step) => step !== "ready").map((step) => row(`since the wish: ${step}`, steps_ms[step], "–")).join("")
  );
}

const { values } = parseArgs({
  options: { server: { type: "string" }, simulator: { type: "string" }, joins: { type: "string", default: "100" }, json: { type: "string" }, markdown: { type: "string" } },
});
if (values.server === undefined || values.simulator === undefined) {
  console.error("usage: node joins.mjs --server BIN --simulator BIN [--joins 100] [--json FILE] [--markdown FILE]");
  process.exit(2);
}
const joins = Number(values.joins);
const demo = await startDemo({ binary: values.server, apart: [values.simulator], env: { LOG_LEVEL: "warn" } });
const marks = [];
const failures = [];
let browser;
try {
  const recruiter = execFileSync(values.server, ["token", "--data", demo.data_dir, "--role", "recruiter", "--tenant", demo.tenant], { encoding: "utf8" }).trim();
  browser = await launch();
  const { page } = await newCandidate(browser, { ears: false });
  await page.addInitScript(watch);
  await page.route("**/sdk-for-a-test/**", async (route) => {
    const name = new URL(route.request().url()).pathname.split("/").at(-1);
    if (extname(name) !== ".js") return route.abort();
    return route.fulfill({ contentType: "text/javascript", body: await readFile(new URL(name, SDK), "utf8") });
  });
  // A page of the relay's own: one that a test has made up is of no network, and may not open a socket into this one.
  await page.goto(`${demo.http}/healthz`);
  for (let nth = 1; nth <= joins; nth += 1) {
    try {
      marks.push(await once(demo, recruiter, page));
    } catch (error) {
      failures.push(`join ${nth}: ${error.message}`);
      console.error(failures.at(-1));
    }
  }
  const told = {
    joins,
    failed: failures.length,
    leg_ms: spread(marks.map(({ connected, offered }) => connected - offered)),
    ready_ms: spread(marks.map(({ ready }) => ready)),
    steps_ms: Object.fromEntries(STEPS.map((step) => [step, spread(marks.map((mark) => mark[step]))])),
    server: { candidate_ms: await ofServer(demo, "candidate"), ai_ms: await ofServer(demo, "ai") },
    goals_ms: GOALS,
  };
  told.met = failures.length === 0 && told.leg_ms.p95 <= GOALS.leg && told.ready_ms.p95 <= GOALS.ready;
  const line = JSON.stringify(told);
  console.log(line);
  if (values.json !== undefined) await writeFile(values.json, `${line}\n`);
  if (values.markdown !== undefined) await appendFile(values.markdown, table(told));
} finally {
  if (browser !== undefined) await close(browser);
  await demo.stop();
}
process.exit(failures.length === 0 ? 0 : 1);
