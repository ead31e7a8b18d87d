// Starts the simulator's binary and a static server for a page; stops both.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { extname, join, normalize } from "node:path";

/** Runs SIMULATOR (the path of the binary) on a free port; answers its address. */
export async function startSimulator(defaults = {}) {
  const binary = process.env.SIMULATOR ?? "../../target/debug/vivavoce-simulator";
  const child = spawn(binary, ["--listen", "127.0.0.1:0", "--json", "--defaults", JSON.stringify(defaults)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise((resolve, reject) => {
    lines.once("line", resolve);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the simulator ended with ${code}`)));
  });
  const { addr } = JSON.parse(first);
  const control = async (path, body) => {
    const init = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(`http://${addr}/control/${path}`, init);
    if (!response.ok) throw new Error(`/control/${path}: ${response.status}`);
    return response.status === 204 ? null : response.json();
  };
  return { addr, control, stop: () => child.kill() };
}

/** Serves a folder on loopback, which browsers take for a secure place. */
export async function serve(root) {
  const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript" };
  const server = createServer(async (request, response) => {
    try {
      const path = normalize(new URL(request.url, "http://x").pathname);
      const body = await readFile(join(root, path));
      response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, stop: () => server.close() };
}

/** A microphone: syllables of a voice for `loud` seconds, then quiet, as a WAV that Chromium plays in a loop. */
export function voiceWav(parts, rate = 48_000) {
  const total = parts.reduce((sum, part) => sum + part.loud + part.quiet, 0);
  const samples = new Int16Array(Math.round(total * rate));
  let at = 0;
  for (const { loud, quiet } of parts) {
    let phase = 0;
    for (let n = 0; n < loud * rate; n++) {
      const t = n / rate;
      const pitch = 120 + 30 * Math.sin(2 * Math.PI * 1.3 * t) + 10 * Math.sin(2 * Math.PI * 5 * t);
      phase += (2 * Math.PI * pitch) / rate;
      const syllable = Math.max(0, Math.sin(2 * Math.PI * 4 * t)) ** 0.5;
      const formant = 500 + 300 * Math.sin(2 * Math.PI * 2.1 * t);
      let voice = 0;
      for (let harmonic = 1; harmonic <= 20; harmonic++) {
        const hz = harmonic * pitch;
        const gain = Math.exp(-(((hz - formant) / 200) ** 2)) + 0.5 * Math.exp(-(((hz - 1600) / 300) ** 2)) + 0.05;
        voice += gain * Math.sin(harmonic * phase);
      }
      samples[at + n] = Math.max(-1, Math.min(1, 0.25 * syllable * voice)) * 32_000;
    }
    at += Math.round((loud + quiet) * rate);
  }
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}
