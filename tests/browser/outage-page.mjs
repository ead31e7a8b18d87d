/**
 * docs/outages: a page of every kind of outage, from what was seen of each (`outage-pictures.test.mjs`). Here is what a test cannot see: what
 * the outage is, how the test brought it about, and when what the page says of it goes.
 */

/** In the order of the page: name, title, cause, end. */
const OUTAGES = [
  ["network-away", "The candidate's network is away for over 2 s", "the NAT between browser and relay passes no datagram, and the socket nothing", "something is heard of the relay again"],
  ["network-away-long", "It stays away for over 10 s", "the same", "the same"],
  ["network-back", "It is back", "the NAT and the socket pass everything again", "6 s have passed"],
  ["socket-away", "The socket alone is away, sound is well", "the socket is closed, and none that the page opens stays open", "a socket stays open"],
  ["relay-killed", "The relay's process is gone", "`kill -9`", "its next start, or another process, has taken the interview up"],
  ["relay-back", "It was started again, and has taken the interview up", "the same program on the same database", "6 s have passed"],
  ["loaded-without-host", "The page is loaded anew while its host is away", "`kill -9`, then a reload: the page comes from the browser's cache", "the host is back: the page goes on by itself"],
  ["link-without-host", "A link is opened while its host is away", "`kill -9`, then the invitation's link in another tab", "the host is back: the page opens by itself"],
  ["interviewer-late", "The interviewer's answer is late", "the simulator begins no answer any more, and its leg stays up", "it answers, or another has been called"],
  ["interviewer-away", "The interviewer's leg is lost, and another cannot be had yet", "the simulator's peer vanishes with no farewell, and new calls get status 500", "another is there, which knows what was said"],
  ["interviewer-refused", "New calls are refused for long", "the same", "the same"],
  ["failed", "The interview cannot be brought back", "the simulator's peer vanishes, and new calls get status 401: the key is not taken any more", "never: the record has what was said"],
  ["store-away", "The journal's disk is full", "the journal is on a disk of 2 MiB, filled to the last byte (a database that is away is not noticed: entries are in the journal)", "there is room again"],
  ["microphone-ended", "The system has taken the microphone for good", "the track is stopped; that it has ended the test says in the browser's place, as no system takes it from a test", "it is given back by a press (“Go on”)"],
  ["microphone-back", "It is given back", "the press", "6 s have passed"],
  ["microphone-muted", "The system has silenced the microphone, as for a phone call", "there is no sound in the track; that it is muted the test says in the browser's place", "the system gives it back, or a press"],
  ["another-tab", "Another tab or device has the interview", "the invitation's link, opened in another tab", "it is called back by a press (“Return here”)"],
];

/** `seen`: of each, `name`, `said`, `read` (what a screen reader is given, in order) and `found` (what it finds where it looks). */
export function page(seen) {
  const names = new Set([...seen.map(({ name }) => name), ...OUTAGES.map(([name]) => name)]);
  if (names.size !== seen.length || names.size !== OUTAGES.length) throw new Error(`not each was seen once: ${seen.map(({ name }) => name)}`);
  const parts = OUTAGES.map((outage) => part(outage, seen.find(({ name }) => name === outage[0])));
  return `# What a candidate sees and hears in an outage

Written by \`make pictures\`; not by hand. Chromium, 360 points wide, against the demo's server and simulator. Each outage was really caused, as is
said with it. \`make test\` causes the same and checks the words, the announcements and, with axe, the page, without writing here.

What a screen reader says is what the page gives it, in order: changes of its one polite live region, and headings that it puts focus on.
Nothing is announced assertively: nobody is interrupted while they speak. Captions, announced politely as each sentence is whole, are left
out. Nothing is said of losses under 2 s. Where a browser cannot keep speech (no encoded transforms), the page says so: "What you say now
is not heard; your earlier answers are kept."

${parts.join("\n")}`;
}

function part([name, title, cause, end], { said, read, found }) {
  const spoken = read.map(({ how, text }, at) => `${at + 1}. ${how === "focus" ? `focus on ${text}` : `${how}: “${text}”`}`).join("\n");
  return `## ${title}

![${title}](${name}.png)

The page: *${said.replace(/\n+/g, " ")}*

A screen reader says:

${spoken}

Caused by: ${cause}.
Until: ${end}.

<details><summary>What a screen reader finds where it looks</summary>

\`\`\`
${found}
\`\`\`

</details>
`;
}
