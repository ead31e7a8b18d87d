/**
 * A stand-in for the relay while pages are being made: it serves app/dist under a strict content policy and plays a
 * scripted talk over the socket. There is no media in it, and it never ships. The real thing is `vivavoce demo`.
 *
 *   node dev/mock-server.mjs [port]
 *
 * Tokens choose what happens: `over` 410, `unknown` 404, `busy` 429, `broken` 500; anything else is a good invitation.
 * POST /dev/<step> moves the script on: see STEPS.
 */

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";

const PORT = Number(process.argv[2] ?? 8787);
const DIST = new URL("../dist/", import.meta.url).pathname;
const SESSION = "018f0000-0000-7000-8000-0000000000aa";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TALK = [
  ["ai", "Hello, and thank you for making the time. I am the interviewer for this position, and I am an AI. Shall we begin with what you work on today?"],
  ["candidate", "Yes, gladly. I look after the payments service of a small bank: four of us, mostly Rust, some older Java that we are replacing a piece at a time."],
  ["ai", "Replacing it a piece at a time sounds like a decision somebody had to defend. How did you choose where to begin?"],
  ["candidate", "With the part that woke us at night. We counted the pages of a year, and one module was behind half of them."],
  ["ai", "What did the numbers look like afterwards, and what surprised you about them?"],
];

let seq = 0;
let state = { session: "connecting", candidate: "up", ai: "connecting", speaking: null };
let endsAt = null;
let said = [];
let completed = false;
const sockets = new Set();

const send = (socket, frame) => socket.send(JSON.stringify({ seq: (seq += 1), ...frame }));
const tell = (frame) => sockets.forEach((socket) => send(socket, frame));
const tellState = (change) => {
  state = { ...state, ...change };
  tell({ type: "state", ...state, ...(endsAt ? { endsAt } : {}) });
};
const say = (index, final = true, share = 1) => {
  const [speaker, text] = TALK[index];
  const frame = {
    type: "caption",
    itemId: `item-${index}`,
    speaker,
    text: text.slice(0, Math.ceil(text.length * share)),
    final,
    at: new Date(Date.UTC(2026, 10, 24, 9, 0, index * 12)).toISOString(),
    previousItemId: index === 0 ? null : `item-${index - 1}`,
  };
  said = [...said.filter((s) => s.itemId !== frame.itemId), frame];
  tell(frame);
};

/** POST /dev/<name> */
const STEPS = {
  reset: () => {
    said = [];
    completed = false;
    endsAt = null;
    state = { session: "connecting", candidate: "up", ai: "connecting", speaking: null };
  },
  live: () => {
    endsAt = new Date(Date.now() + 12 * 60_000).toISOString();
    tellState({ session: "live", ai: "up", candidate: "up", speaking: "ai" });
    say(0, false, 0.5);
  },
  talk: () => {
    for (let index = 0; index < 4; index += 1) say(index);
    tellState({ speaking: null });
  },
  speaking: () => {
    say(4, false, 0.6);
    tellState({ speaking: "ai" });
  },
  listening: () => {
    say(4);
    tellState({ speaking: null });
  },
  candidate: () => tellState({ speaking: "candidate" }),
  thinking: () => {
    tell({ type: "caption", itemId: "item-5", speaker: "candidate", text: "Fewer pages, of course. What surprised us was who noticed.", final: true, at: "2026-11-24T09:01:10.000Z", previousItemId: "item-4" });
    tellState({ speaking: undefined });
  },
  "ai-lost": () => tellState({ ai: "lost" }),
  "ai-up": () => tellState({ ai: "up" }),
  simulated: () => tell({ type: "notice", code: "simulated", text: "" }),
  takeover: () => sockets.forEach((socket) => socket.close(4409)),
  drop: () => sockets.forEach((socket) => socket.close(1012)),
  ending: () => tellState({ session: "ending", speaking: "ai" }),
  ended: () => {
    completed = true;
    tell({ type: "ended", reason: "interviewer", summaryPending: true });
  },
  failed: () => {
    completed = true;
    tell({ type: "ended", reason: "failed", summaryPending: false });
  },
};

const problem = (response, status, title) => {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ type: `/problems/${status}`, title, status, detail: title, error: title }));
};
const json = (response, status, body) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://mock");
  let body = "";
  for await (const chunk of request) body += chunk;
  const sent = body === "" ? {} : JSON.parse(body);
  if (pathname.startsWith("/dev/")) {
    const step = STEPS[pathname.slice(5)];
    if (step === undefined) return problem(response, 404, "no such step");
    step();
    return json(response, 200, {});
  }
  if (pathname === "/healthz") return json(response, 200, { status: "ok" });
  if (pathname === "/api/invitations/redeem") {
    const bad = { over: [410, "the invitation is over"], unknown: [404, "not found"], busy: [429, "too many requests"], broken: [500, "internal"] }[sent.token];
    if (bad !== undefined) return problem(response, ...bad);
    return json(response, 200, { access_token: "mock", invitation_id: "018f0000-0000-7000-8000-0000000000bb", expires_at: "2026-11-26T17:00:00.000Z" });
  }
  if (pathname === "/api/sessions") {
    return json(response, 201, {
      session_id: SESSION,
      fly_app_url: `http://${request.headers.host}`,
      position: { id: "p", title: "Senior Backend Engineer, Payments", description: "", max_minutes: 30, language: "en" },
      company: { id: "c", name: "Northwind Bank" },
    });
  }
  if (pathname === `/api/sessions/${SESSION}`) return json(response, 200, { id: SESSION, status: completed ? "completed" : "in_progress" });
  if (pathname === `/api/sessions/${SESSION}/transcript`) {
    return json(response, 200, { entries: said.map((s) => ({ id: s.itemId, item_id: s.itemId, speaker: s.speaker, text: s.text, start_time: s.at })) });
  }
  if (pathname.startsWith("/api/")) return problem(response, 404, "not found");
  const file = extname(pathname) === "" ? "index.html" : normalize(pathname).replace(/^\/+/, "");
  try {
    const bytes = await readFile(join(DIST, file));
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP });
    return response.end(bytes);
  } catch {
    return problem(response, 404, "not found");
  }
});

new WebSocketServer({ server, path: "/ws", handleProtocols: (offered) => (offered.has("vivavoce.v1") ? "vivavoce.v1" : false) }).on("connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    if (frame.type === "hello") {
      send(socket, { type: "welcome", sessionId: SESSION, resume: `r${seq}`, iceServers: [], resumed: frame.resume !== undefined, state: { ...state, ...(endsAt ? { endsAt } : {}) }, heardUpTo: null });
    }
    if (frame.type === "say") send(socket, { type: "caption", itemId: frame.id, speaker: "candidate", text: frame.text, final: true, at: new Date().toISOString() });
    if (frame.type === "end") {
      STEPS.ending();
      setTimeout(() => tell({ type: "ended", reason: "candidate", summaryPending: true }), 600);
    }
  });
});
server.listen(PORT, "127.0.0.1", () => console.log(`http://127.0.0.1:${PORT}/interview/join?token=good`));
