/**
 * A sound server of the test's own with a sink that swallows everything. Firefox plays nothing, and runs no AudioContext,
 * without a device. A child process with its own socket: no other sound server is touched, none is left behind.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { end, start, until } from "./child.mjs";

const run = promisify(execFile);
const READY_MS_MAX = 20_000;
const SINK = "nowhere";

/** `env`: what a program needs to find it. */
export async function startSound() {
  const home = await mkdtemp(join(tmpdir(), "vivavoce-sound-"));
  const socket = join(home, "native");
  const own = { HOME: home, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home, PULSE_RUNTIME_PATH: home };
  const modules = [`module-null-sink sink_name=${SINK}`, `module-native-protocol-unix socket=${socket} auth-anonymous=1`];
  const settings = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "--log-target=stderr"];
  const { child, log } = start("pulseaudio", [...settings, ...modules.map((module) => `--load=${module}`)], { env: { ...process.env, ...own } });
  const env = { PULSE_SERVER: `unix:${socket}` };
  const stop = async () => {
    await end(child);
    await rm(home, { recursive: true, force: true });
  };
  try {
    await until(
      async () => {
        const { stdout } = await run("pactl", ["list", "short", "sinks"], { env: { ...process.env, ...own, ...env }, timeout: 5_000 });
        return { met: stdout.split("\n").length === 2 && stdout.includes(SINK), seen: { stdout, log: log() } };
      },
      READY_MS_MAX,
      "pulseaudio has its one sink",
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { env, stop };
}
