/** Writes into the built service worker which files it is to keep, and a name for the build: the hash of what is in them. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

export const WORKER = "pages-worker";
const PLACE = "VIVAVOCE_BUILD";

export function keptFiles(): Plugin {
  let dist = "";
  return {
    name: "kept-files",
    apply: "build",
    configResolved: ({ root, build }) => {
      dist = join(root, build.outDir);
    },
    closeBundle: () => {
      const worker = join(dist, `${WORKER}.js`);
      const code = readFileSync(worker, "utf8");
      // A classic worker may not import, and one without its list would keep nothing.
      if (code.split(PLACE).length !== 2 || /^\s*(import|export)\b/m.test(code)) throw new Error(`${worker} is not as it must be`);
      const names = readdirSync(dist, { recursive: true, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"));
      const files = names.filter((name) => name.includes(".") && name !== "index.html" && name !== `${WORKER}.js`).sort();
      const hash = createHash("sha256").update(code);
      for (const name of ["index.html", ...files]) hash.update(name).update(readFileSync(join(dist, name)));
      const build = { id: hash.digest("hex").slice(0, 16), files: files.map((name) => `/${name}`) };
      writeFileSync(worker, code.replace(PLACE, () => JSON.stringify(build)));
    },
  };
}
