/**
 * A running `vivavoce demo` of the test's own: a free port, an empty folder, the simulator as interviewer, SQLite or Postgres.
 * Once its test has passed, all that it logged is searched for secrets and words.
 *
 * VIVAVOCE_BIN names the binary; default: the workspace's debug build.
 */

import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { end, start, within } from "./child.mjs";
import { startDatabase } from "./database.mjs";
import { LEVEL, mustKeepSecrets } from "./logs.mjs";

const BINARY = process.env.VIVAVOCE_BIN ?? fileURLToPath(new URL("../../target/debug/vivavoce", import.meta.url));
const READY_MS_MAX = 60_000;
/** The AI service's key where the simulator is a process of its own: recognisable wherever it turns up. */
const KEY = "sk-test-5ecre7-0f-the-browser-tests";

/**
 * Runs `body` with a demo, and ends it. `database`: `sqlite` (in the demo's own folder) or `postgres`. `apart`: the simulator
 * is a process of its own, dialled under a key as the real service is; a list names its command. `binary`: the server's.
 * `data`: its folder, if not one of its own.
 */
export async function withDemo(options, body) {
  const demo = await startDemo(options);
  try {
    await body(demo);
  } catch (error) {
    console.error(demo.tail());
    await demo.stop().catch(() => undefined);
    throw error;
  }
  await demo.stop();
  demo.mustKeepSecrets();
}

/** For tests that share one: `stop`, then `mustKeepSecrets`. */
export async function startDemo({ database = "sqlite", apart = false, env = {}, binary = BINARY, data: given } = {}) {
  const data = given ?? (await mkdtemp(join(tmpdir(), "vivavoce-browser-")));
  const running = [];
  let kept;
  const shut = async () => {
    for (const child of running.reverse()) await end(child);
    await kept?.stop();
    if (given === undefined) await rm(data, { recursive: true, force: true });
  };
  try {
    kept = await startDatabase(database);
    const simulator = apart ? await startSimulator(running, apart === true ? [binary, "simulate"] : apart) : undefined;
    const told = { LOG_FORMAT: "json", LOG_LEVEL: LEVEL, ...kept.env(data), ...simulator?.env, ...env };
    const logs = [];
    /** The process that serves, and one that takes its place at the same address, with the same data. */
    const serve = async (port) => {
      const server = start(binary, ["demo", "--port", port, "--data", data, "--json"], { env: { ...process.env, ...told } });
      running.push(server.child);
      logs.push(server.log);
      return { server, said: await firstLine(server) };
    };
    const first = await serve("0");
    return await demoOf({ first, serve, logs, simulator, kept, secret: await readFile(join(data, "jwt-secret"), "utf8"), shut });
  } catch (error) {
    await shut();
    throw error;
  }
}

async function demoOf({ first, serve, logs, simulator, kept, secret, shut }) {
  const { said } = first;
  let { server } = first;
  const control = said.simulator_control_url ?? simulator.control;
  const secrets = { "the secret of our JWTs": secret.trim(), "the invitation's token": said.invitation_token, ...(simulator === undefined ? {} : { "the AI service's key": KEY }) };
  const words = [];
  const api = (path, token) => getJson(`${said.http}${path}`, token);
  // A process that was killed may have left half a line.
  const logsNow = () => logs.map((log, at) => (at < logs.length - 1 ? log().replace(/[^\n]*$/, "") : log()));
  const log = () => logsNow().join("");
  return {
    ...said,
    log,
    /** The end of the log, without its finest lines. */
    tail: () => log().split("\n").filter((line) => !/"level":"(DEBUG|TRACE)"/.test(line)).slice(-40).join("\n"),
    /** The candidate's record, in the order of the conversation. */
    transcript: async (sessionId, token) => (await api(`/api/sessions/${sessionId}/transcript`, token)).entries,
    session: (sessionId, token) => api(`/api/sessions/${sessionId}`, token),
    /** The same, as the database holds it. */
    rows: (sessionId) => kept.rows(`SELECT item_id, speaker, text, source, sequence_number FROM transcript_entries WHERE session_id = '${sessionId}' ORDER BY sequence_number, content_index`),
    sessionRows: () => kept.rows("SELECT id, status, end_reason FROM interview_sessions"),
    /** What the simulator says that it said and heard. */
    calls: () => getJson(`${control}/calls`),
    call: (id) => getJson(`${control}/calls/${id}`),
    /** Of every call, all of it, in their order. */
    accounts: async () => {
      const { calls } = await getJson(`${control}/calls`);
      return Promise.all(calls.map(({ id }) => getJson(`${control}/calls/${id}`)));
    },
    control: async (path, body) => {
      const response = await fetch(`${control}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    },
    /** To the process that serves: `SIGKILL`, `SIGSTOP`, `SIGCONT`. The simulator should be `apart`. */
    signal: async (name) => {
      const gone = name === "SIGKILL" ? once(server.child, "exit") : undefined;
      server.child.kill(name);
      await gone;
    },
    /** Another process after one that was killed, where that was. */
    startAgain: async () => {
      const next = await serve(new URL(said.http).port);
      server = next.server;
      secrets["the second invitation's token"] = next.said.invitation_token;
    },
    /** More that must not be in the log. */
    secret: (name, value) => {
      secrets[name] = value;
    },
    stop: async () => {
      const { calls } = await getJson(`${control}/calls`).catch(() => ({ calls: [] }));
      words.push(...calls.flatMap(({ items }) => (items ?? []).map((item) => item.words ?? "")));
      await shut();
    },
    mustKeepSecrets: () => mustKeepSecrets(logsNow(), secrets, words),
  };
}

async function startSimulator(running, [program, ...args]) {
  const simulator = start(program, [...args, "--listen", "127.0.0.1:0", "--json"], { env: { ...process.env, LOG_LEVEL: "warn" } });
  running.push(simulator.child);
  const { base_url } = await firstLine(simulator);
  return { control: base_url.replace(/v1$/, "control"), env: { OPENAI_BASE_URL: base_url, OPENAI_API_KEY: KEY, AI_SIMULATED: "yes" } };
}

async function firstLine({ child, log }) {
  const line = once(createInterface({ input: child.stdout }), "line").then(([text]) => JSON.parse(text));
  const gone = once(child, "exit").then(([code]) => Promise.reject(new Error(`it left with ${code}\n${log()}`)));
  return within(Promise.race([line, gone]), READY_MS_MAX, () => `it is ready\n${log()}`);
}

async function getJson(url, token) {
  const headers = { accept: "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(15_000) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}
