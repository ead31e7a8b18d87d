import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { expect, it } from "vitest";

/** All of the SDK, minified and gzipped; nothing else in it. */
const BYTES_MAX = 25 * 1024;

it("stays small, and stands alone", async () => {
  const bundle = await rolldown({ input: fileURLToPath(new URL("./index.ts", import.meta.url)) });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
  const bytes = gzipSync(output[0].code).length;
  console.info(`@vivavoce/sdk: ${output[0].code.length} bytes, ${bytes} gzipped`);
  expect(bytes).toBeLessThan(BYTES_MAX);
});
