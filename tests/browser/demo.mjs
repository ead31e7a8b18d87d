/**
 * A running `vivavoce demo` of the test's own: a free port, an empty folder, the simulator as interviewer.
 *
 * VIVAVOCE_BIN names the binary; default: the workspace's debug build.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

export async function startDemo(env = {}) {
  const data = await mkdtemp(join(tmpdir(), "vivavoce-browser-"));
  const binary = process.env.VIVAVOCE_BIN ?? join(ROOT, "target/debug/vivavoce");
  const child = spawn(binary, ["demo", "--port", "0", "--data", data, "--json"], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += chunk;
  });
  const said = await first([
    once(createInterface({ input: child.stdout }), "line").then(([line]) => JSON.parse(line)),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`demo left with ${code}\n${log}`))),
    late(READY_MS_MAX, () => `demo was not ready\n${log}`),
  ]);
  const api = (path, token) => getJson(`${said.http}${path}`, token);
  return {
    ...said,
    log: () => log,
    /** The candidate's record, in the order of the conversation. */
    transcript: async (sessionId, token) => (await api(`/api/sessions/${sessionId}/transcript`, token)).entries,
    session: (sessionId, token) => api(`/api/sessions/${sessionId}`, token),
    /** What the simulator says that it said and heard. */
    calls: () => getJson(`${said.simulator_control_url}/calls`),
    call: (id) => getJson(`${said.simulator_control_url}/calls/${id}`),
    control: async (path, body) => {
      const response = await fetch(`${said.simulator_control_url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    },
    stop: async () => {
      child.kill("SIGTERM");
      await first([child.exitCode !== null ? Promise.resolve() : once(child, "exit"), late(STOP_MS_MAX, () => "demo did not stop")]).catch(() => child.kill("SIGKILL"));
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function getJson(url, token) {
  const response = await fetch(url, { headers: { accept: "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) } });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function first(promises) {
  return Promise.race(promises);
}

function late(ms, words) {
  return new Promise((_, fail) => setTimeout(() => fail(new Error(words())), ms).unref());
}
