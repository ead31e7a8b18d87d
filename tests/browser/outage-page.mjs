/** The page of outages, from what was seen of each (`outage-pictures.test.mjs`). */

const ORDER = [
  "network-away",
  "network-away-long",
  "network-back",
  "socket-away",
  "relay-killed",
  "relay-back",
  "loaded-without-host",
  "interviewer-late",
  "interviewer-away",
  "interviewer-refused",
  "failed",
  "store-away",
  "microphone-ended",
  "microphone-muted",
  "microphone-back",
  "another-tab",
];

export function page(seen) {
  const rows = [...seen].sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name)).map(row);
  return `# What a candidate sees and hears in an outage

Made by \`npm run outages\` in tests/browser: each was really caused (\`outage-pictures.test.mjs\`), Chromium, 390 by 700. \`make test\` checks the
same words and announcements without writing here. What a screen reader says is what the page gives it, in order: changes of its one
polite live region, and headings that it puts focus on. Nothing is announced assertively: nobody is interrupted while they speak. Captions,
announced politely as each sentence is whole, are left out. Nothing is said of losses under 2 s. Where a browser cannot keep speech (no encoded
transforms), the page says so: "What you say now is not heard; your earlier answers are kept."

| what has happened | the page | its words | what a screen reader says | until |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function row({ name, kind, said, read, goes }) {
  const words = said.replace(/^# (.*)$/m, "**$1**").replace(/\n+/g, "<br>");
  const spoken = read.map(({ how, text }) => (how === "focus" ? `(focus) ${text}` : `(${how}) “${text}”`)).join("<br>");
  return `| ${kind} | <img src="${name}.png" width="195" alt="The page: ${words.replace(/<br>|\*\*/g, " ").replace(/"/g, "&quot;").trim()}"> | ${words} | ${spoken} | ${goes} |`;
}
