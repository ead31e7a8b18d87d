/** axe on the page as it stands: no violation of WCAG 2.2 AA or of good practice, and no sideways scrolling. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function mustBeAccessible(page, name) {
  // Evaluated by the debugger, which the page's content policy does not bind.
  const violations = await page.evaluate(async (source) => {
    (0, eval)(source);
    const { violations } = await window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  }, AXE);
  assert.deepEqual(violations, [], `${name}: accessibility`);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${name}: scrolls sideways`);
  assert.notEqual((await page.title()).trim(), "", `${name}: has a title`);
  assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
}
