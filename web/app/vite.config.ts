import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` sends what the relay answers: the dev mock, or a running `vivavoce demo`. */
const relay = process.env["VIVAVOCE_RELAY"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [react(), pagesOfWorker()],
  build: {
    target: "es2022",
    // The content security policy allows nothing inline: no data: assets, no inline polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: "index.html", sw: "worker/worker.ts" },
      // The worker's name stays: it is where the browser looks for a new one.
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  server: { proxy: { "/api": relay, "/healthz": relay, "/ws": { target: relay, ws: true } } },
  test: { include: ["{src,worker}/**/*.test.ts"], environment: "node" },
});

/** Tells the service worker which files this build has, and a version that changes with any of them. */
function pagesOfWorker(): Plugin {
  return {
    name: "pages-of-worker",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle["sw.js"];
        if (worker?.type !== "chunk") throw new Error("there is no service worker");
        const hash = createHash("sha256").update(worker.code);
        const built = Object.values(bundle).filter((it) => it !== worker);
        for (const it of built) hash.update(it.fileName).update(it.type === "chunk" ? it.code : it.source);
        const files = [...built.map((it) => it.fileName).filter((name) => name !== "index.html"), ...readdirSync("public")].map((name) => `/${name}`);
        const pages = JSON.stringify({ version: hash.digest("hex").slice(0, 12), files: files.sort() });
        if (!worker.code.includes("__PAGES__") || worker.imports.length > 0 || worker.exports.length > 0) throw new Error("the service worker is not one script");
        worker.code = worker.code.replace("__PAGES__", () => pages);
      },
    },
  };
}
