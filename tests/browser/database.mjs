/**
 * Where an interview is kept, and a way to read it there past the relay: by SQL.
 *
 * `sqlite`: the file that the relay makes in its folder. `postgres`: a real server of the test's own, from the binaries that
 * the machine has, in a temporary folder, as a user that Postgres accepts. Not durable (`fsync=off`): no machine is to crash.
 */

import { execFile } from "node:child_process";
import { chown, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { end, start, until } from "./child.mjs";

const run = promisify(execFile);
const RUN_MS_MAX = 60_000;
const INSTALLED = "/usr/lib/postgresql";
/** The relay's login role: no superuser, as in production. */
const APP = "app";
const PYTHON = `
import json, sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True, timeout=10)
db.row_factory = sqlite3.Row
print(json.dumps([dict(row) for row in db.execute(sys.argv[2])]))
`;

/** `{ env(folder), rows(sql), stop() }`: what the relay is told, and what a statement finds. */
export async function startDatabase(kind) {
  if (kind === "postgres") return startPostgres();
  let file;
  return {
    env: (folder) => {
      file = join(folder, "vivavoce.db");
      return { DATABASE_URL: `sqlite:${file}` };
    },
    rows: async (sql) => JSON.parse((await run("python3", ["-c", PYTHON, file, sql], { timeout: RUN_MS_MAX })).stdout),
    stop: async () => undefined,
  };
}

async function startPostgres() {
  const binaries = join(INSTALLED, await newest(), "bin");
  const folder = await mkdtemp(join(tmpdir(), "vivavoce-postgres-"));
  const data = join(folder, "data");
  const owner = process.getuid() === 0 ? await unprivileged() : undefined;
  if (owner !== undefined) await chown(folder, Number(owner.uid), Number(owner.gid));
  const as = (program, args) => start(join(binaries, program), args, { owner, cwd: folder });
  const command = async (program, args) => {
    const { child, log } = as(program, args);
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (said += chunk));
    const timer = setTimeout(() => child.kill("SIGKILL"), RUN_MS_MAX);
    const [code] = await once(child, "close");
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${program}: ${log()}`);
    return said;
  };
  let server;
  const stop = async () => {
    if (server !== undefined) await end(server.child, "SIGINT");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await command("initdb", ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", data]);
    const port = await freePort();
    const settings = ["fsync=off", "max_connections=40", "shared_buffers=32MB"].flatMap((setting) => ["-c", setting]);
    server = as("postgres", ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", folder, ...settings]);
    await until(async () => ({ met: (await command("pg_isready", ["-q", "-h", folder, "-p", String(port)])) === "", seen: server.log() }), 30_000, "postgres answers");
    // By the socket in its own folder: nobody else's server is asked.
    const psql = (database, sql) => command("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", String(port), "-U", "postgres", "-d", database, "-c", sql]);
    await psql("postgres", `CREATE ROLE ${APP} LOGIN CREATEROLE`);
    await psql("postgres", `CREATE DATABASE interviews OWNER ${APP}`);
    return {
      env: () => ({ DATABASE_URL: `postgres://${APP}@127.0.0.1:${port}/interviews` }),
      rows: async (sql) => JSON.parse(await psql("interviews", `SELECT coalesce(json_agg(found), '[]') FROM (${sql}) found`)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function newest() {
  const versions = (await readdir(INSTALLED)).map(Number).filter(Number.isInteger);
  if (versions.length === 0) throw new Error("Postgres is installed by `make setup`");
  return String(Math.max(...versions));
}

/** Postgres refuses to run as root. */
async function unprivileged() {
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  if (user === undefined) throw new Error("neither user postgres nor nobody");
  return { uid: user[2], gid: user[3] };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
