#!/usr/bin/env node
/**
 * `make pictures`: docs/outages, from what tests/browser/outages.test.mjs has seen and heard at a phone's width. Each outage's picture, and
 * the accessibility tree of the page's main part, which is what a screen reader reads; its status is a polite live region.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);
const OUTAGES = [
  ["connection-away", "The candidate's connection is away"],
  ["connection-away-long", "It stays away"],
  ["back", "It is back"],
  ["interviewer-away", "The interviewer's leg is lost"],
  ["interviewer-refused", "The AI service refuses calls for long"],
  ["store-away", "Neither disk nor database takes what is said"],
  ["microphone-taken", "The system has taken the microphone"],
  ["second-tab", "Another tab has taken over"],
  ["failed", "It did not make it"],
];

const heard = new Map(
  readFileSync(join(from, "outages-heard-360-light.txt"), "utf8")
    .split(/^# /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1).trim()]),
);
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
const parts = OUTAGES.map(([name, title]) => {
  const tree = heard.get(name);
  if (tree === undefined) throw new Error(`${name} was not looked at`);
  const picture = `${name}.png`;
  copyFileSync(join(from, `outage-${name}-360-light.png`), join(to, picture));
  const status = /- status: "?(.*?)"?$/m.exec(tree)?.[1];
  const said = status === undefined ? "" : `Announced, politely, as it changes: *${status}*\n\n`;
  return `## ${title}\n\n![${title}](${picture})\n\n${said}What a screen reader finds:\n\n\`\`\`\n${tree}\n\`\`\`\n`;
});
writeFileSync(
  join(to, "README.md"),
  `# The candidate's page in each kind of outage

Written by \`make pictures\`; not by hand. Chromium, 360 points wide, against the demo's server and simulator. Where an outage cannot be had at
will (a service that refuses for long, a disk that is full), the test says the relay's own frames to the page. \`make test\` takes the same
looks at two widths and in the dark, with axe, and asserts the words.

${parts.join("\n")}`,
);
