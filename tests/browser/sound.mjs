/**
 * A sound server of the test's own with a sink that swallows everything. Firefox plays nothing, and runs no AudioContext,
 * without a device. A child process with its own socket: no other sound server is touched, none is left behind.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./visit.mjs";

/** `env`: what a program needs to find it. */
export async function startSound() {
  const home = await mkdtemp(join(tmpdir(), "vivavoce-sound-"));
  const socket = join(home, "native");
  const own = { HOME: home, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home, PULSE_RUNTIME_PATH: home };
  const modules = ["module-null-sink sink_name=nowhere", `module-native-protocol-unix socket=${socket} auth-anonymous=1`];
  const args = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "--log-target=stderr", ...modules.map((module) => `--load=${module}`)];
  const child = spawn("pulseaudio", args, { env: { ...process.env, ...own }, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.on("error", (error) => {
    log += error.message;
  });
  child.stderr.on("data", (chunk) => {
    log += chunk;
  });
  const env = { PULSE_SERVER: `unix:${socket}` };
  await until(
    async () => {
      const { status } = spawnSync("pactl", ["info"], { env: { ...process.env, ...own, ...env }, timeout: 5_000 });
      return { met: status === 0, seen: log };
    },
    20_000,
    "pulseaudio answers",
  );
  return {
    env,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        await gone;
      }
      await rm(home, { recursive: true, force: true });
    },
  };
}
