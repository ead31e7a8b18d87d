/**
 * What a screen reader is given by a page: announcements of live regions in their order, and where focus was put.
 *
 * Is: an observer in the page, and a look at Chromium's accessibility tree. Isn't: a screen reader. It keeps the rules that they have in common:
 * a region speaks when its words change; one that comes with its words speaks only if it is an alert.
 */

import assert from "node:assert/strict";

/** Runs in the page before its own scripts; `window.vivavoceReads` is the test's. */
function observe() {
  const LOUD = '[role="alert"],[aria-live="assertive"]';
  const ALL = `${LOUD},[role="status"],[role="log"],[aria-live="polite"]`;
  const known = new WeakMap();
  const words = (element) => element.textContent.replace(/\s+/g, " ").trim();
  const tell = (how, text) => window.vivavoceReads({ how, text });
  const howOf = (region) => (region.closest(".said") !== null ? "caption" : region.matches(LOUD) ? "assertive" : "polite");
  new MutationObserver((mutations) => {
    const changed = new Set();
    for (const { target, addedNodes } of mutations) {
      const region = (target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement)?.closest(ALL);
      if (region) changed.add(region);
      for (const added of addedNodes) {
        if (added.nodeType !== Node.ELEMENT_NODE) continue;
        for (const born of [added, ...added.querySelectorAll("*")]) {
          if (!born.matches(ALL)) continue;
          if (born.matches(LOUD)) changed.add(born);
          else known.set(born, words(born));
        }
      }
    }
    for (const region of changed) {
      const said = words(region);
      if (said === (known.get(region) ?? "")) continue;
      known.set(region, said);
      if (said !== "" && region.isConnected) tell(howOf(region), said);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
  document.addEventListener("focusin", ({ target }) => {
    const kind = /^H\d$/.test(target.tagName) ? "heading" : target.tagName === "BUTTON" ? "button" : target.tagName.toLowerCase();
    tell("focus", `${kind} "${target.getAttribute("aria-label") ?? words(target)}"`);
  });
}

/** `{ mark(), since() }`: what has been read since the last mark; captions left out, and focus that a person has moved themselves. */
export async function readerOf(page) {
  const read = [];
  let from = 0;
  await page.exposeFunction("vivavoceReads", (it) => void read.push(it));
  await page.addInitScript(observe);
  return {
    mark: () => {
      from = read.length;
    },
    since: () => read.slice(from).filter(({ how, text }) => how !== "caption" && (how !== "focus" || text.startsWith("heading"))),
  };
}

/** Chromium's tree has one status, which is polite and read as a whole, with these words in it. */
export async function mustBeInTheTree(page, words) {
  const tree = await page.context().newCDPSession(page);
  const { nodes } = await tree.send("Accessibility.getFullAXTree");
  await tree.detach();
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const textOf = (node) => (node.role?.value === "StaticText" ? node.name.value : (node.childIds ?? []).map((id) => textOf(byId.get(id))).join(""));
  const found = nodes.filter(({ role, ignored }) => role?.value === "status" && !ignored);
  const property = (node, name) => node.properties?.find((it) => it.name === name)?.value.value;
  assert.deepEqual(
    found.map((node) => ({ live: property(node, "live"), atomic: property(node, "atomic"), words: textOf(node) })),
    [{ live: "polite", atomic: true, words }],
    "the status in the tree",
  );
}
