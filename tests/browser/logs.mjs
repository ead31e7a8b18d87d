/**
 * What a server has logged in a run, searched for what must never be in a log: secrets, SDP, and words that somebody spoke.
 * The server runs at `LEVEL` in JSON, so that there is much to search.
 */

import assert from "node:assert/strict";

/** Everything of ours and, from debug on, of the libraries'. The simulator is no part of the product and may run in one process. */
export const LEVEL = "debug,vivavoce=trace,vivavoce_media=trace,vivavoce_signaling=trace,vivavoce_simulator=off";
/** Lines that an interview leaves at least. */
const LINES_MIN = 50;
const IN_A_ROW = 4;
/** What no line may hold, whoever's it is. */
const NEVER = {
  "a JWT": /eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}/,
  "a password of SDP": /ice-pwd/,
  "a candidate of SDP": /a=candidate:/,
  "a header with a credential": /authorization\W{1,8}(bearer|basic)|bearer\W{1,3}[\w-]{6,}/i,
  "an API key": /sk-[\w-]{8,}/,
  "a realtime event's words": /\\*"(delta|transcript)\\*":/,
};

/** `logs`: each process's, in their order. `secrets`: name to value. `words`: texts that were said. */
export function mustKeepSecrets(logs, secrets, words) {
  logs.forEach(mustBeWhole);
  const log = logs.join("");
  const lines = linesOf(log);
  assert.ok(lines.length >= LINES_MIN, `there is a log: ${lines.length} lines`);
  assert.ok(lines.some((line) => JSON.parse(line).level === "DEBUG"), "of the libraries too");
  assert.ok(log.includes('"message":"transition"'), "of an interview");

  const found = [];
  const where = (test) => lines.find(test)?.slice(0, 300);
  for (const [name, pattern] of Object.entries(NEVER)) {
    if (pattern.test(log)) found.push([name, where((line) => pattern.test(line))]);
  }
  for (const [name, value] of Object.entries(secrets)) {
    assert.ok(typeof value === "string" && value.length >= 8, `${name} is worth a search`);
    if (log.includes(value)) found.push([name, where((line) => line.includes(value))]);
  }
  const plain = lines.map(bare);
  const all = plain.join("\n");
  for (const phrase of new Set(words.flatMap(phrases))) {
    if (all.includes(phrase)) found.push([`the words "${phrase}"`, plain.find((line) => line.includes(phrase))?.slice(0, 300)]);
  }
  assert.deepEqual(found, [], "what is in the log");
}

const linesOf = (log) => log.split("\n").filter((line) => line !== "");
const parts = (filter) => filter.split(",").sort();

/** It begins with the server's own word, at the finest level, on which lines it writes: those of `LEVEL`, and no fewer. */
function mustBeWhole(log) {
  const [first] = linesOf(log);
  const { level, message, filter } = JSON.parse(first ?? "{}");
  assert.deepEqual([level, message], ["TRACE", "the log begins"], "a log is there, down to the finest level");
  assert.deepEqual(parts(filter), parts(LEVEL), "and all of it is written");
}

/** Any words in a row, so many: what is logged in pieces, in other quotes or cut off is found too. */
function phrases(text) {
  const words = bare(text).trim().split(" ");
  return words.slice(IN_A_ROW - 1).map((_, at) => words.slice(at, at + IN_A_ROW).join(" "));
}

const bare = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ");
