import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { keptFiles, WORKER } from "./build/kept-files.js";

/** Where `npm run dev` sends what the relay answers: the dev mock, or a running `vivavoce demo`. */
const relay = process.env["VIVAVOCE_RELAY"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [react(), keptFiles()],
  build: {
    target: "es2022",
    // The content security policy allows nothing inline: no data: assets, no inline polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: "index.html", [WORKER]: "src/offline/worker.ts" },
      // A service worker is known by its address: that holds no hash.
      output: { entryFileNames: ({ name }) => (name === WORKER ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
  server: { proxy: { "/api": relay, "/healthz": relay, "/ws": { target: relay, ws: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
