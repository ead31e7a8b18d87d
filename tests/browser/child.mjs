/** Child processes of a test's own: they end with it, whatever happens to it, and nothing waits for one without a bound. */

import { spawn } from "node:child_process";
import { once } from "node:events";

const END_MS_MAX = 10_000;
const POLL_MS = 200;

/**
 * Starts a program that is killed when this process ends, however that comes. `owner`: `{ uid, gid }` that it runs as.
 * What it says to stderr, and that it could not be started, is in `log()`.
 */
export function start(program, args, { owner, ...options } = {}) {
  const as = owner === undefined ? [] : ["--reuid", owner.uid, "--regid", owner.gid, "--clear-groups"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...as, "--", program, ...args], { stdio: ["ignore", "pipe", "pipe"], ...options });
  const chunks = [];
  child.on("error", (error) => chunks.push(error.message));
  child.stderr.setEncoding("utf8").on("data", (chunk) => chunks.push(chunk));
  return { child, log: () => chunks.join("") };
}

/** Asks it to go, and makes it. */
export async function end(child, signal = "SIGTERM", ms = END_MS_MAX) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill(signal);
  const late = await within(gone, ms, "it goes").then(
    () => false,
    () => true,
  );
  if (late) {
    child.kill("SIGKILL");
    await gone;
  }
}

/** The promise's own answer, or a failure that says what was waited for. */
export async function within(promise, ms, words) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${ms / 1_000} s: ${typeof words === "function" ? words() : words}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks until the answer is met; what was seen then, or a failure that says what was there instead. */
export async function until(ask, ms, words) {
  const deadline = Date.now() + ms;
  for (;;) {
    // A busy machine may cut a question short: that is no answer, and asked again.
    const { met, seen } = await ask().catch((error) => ({ met: false, seen: String(error.cause ?? error) }));
    if (met) return seen;
    if (Date.now() > deadline) throw new Error(`not within ${ms / 1_000} s: ${words}; was ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
