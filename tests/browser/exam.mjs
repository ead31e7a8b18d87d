/**
 * An interview in digits on the real page in Chromium, against the simulator's exam: the interviewer counts to nine again and again, the
 * candidate answers in digits, something goes wrong, and each digit is counted at both ears and in the record. What `tests/continuity`
 * does with a peer of its own.
 */

import assert from "node:assert/strict";
import { close, launch, newCandidate, visitOf } from "./candidate.mjs";
import { until } from "./child.mjs";
import { withDemo } from "./demo.mjs";
import { hearDigits, recorded } from "./digits.mjs";
import { enter, mouth } from "./mouth.mjs";

const TURNS = 3;
const TURN_MS_MAX = 60_000;
/** From the interviewer's nine to the candidate's answer. */
const PAUSE_MS = 450;
const LOOK_MS = 20;

/**
 * Holds one. `strikes`: `{ turn, part, into, strike(at) }`: in that turn, `part` `ai` (so many digits into the count), `candidate` (so many
 * into the answer, which goes on meanwhile) or `between` (with the answer's last digit), awaited. `seams`: at each a digit may be said again.
 * `prepare(page)`: what the page is to be told before it is loaded.
 */
export async function exam({ strikes, seams = strikes.length, prepare = async () => undefined }) {
  await withDemo({ apart: true }, async (demo) => {
    await demo.control("defaults", { mode: "exam", exam: { turns: TURNS } });
    const browser = await launch();
    try {
      const { context, page, faults } = await newCandidate(browser, { viewport: { width: 390, height: 700 } });
      await context.grantPermissions(["microphone"], { origin: demo.http });
      const heard = [];
      await hearDigits(page, heard);
      await page.addInitScript(mouth);
      await prepare(page);
      await enter(page, demo);
      await page.getByText("Connected", { exact: true }).waitFor();
      const { sessionId, accessToken: token } = await visitOf(page, demo);
      const said = await interview({ demo, page, heard }, strikes);
      await page.getByRole("heading", { name: "Thank you for the talk" }).waitFor({ timeout: 30_000 });
      await until(
        async () => {
          const { status } = await demo.session(sessionId, token);
          return { met: status === "completed", seen: status };
        },
        20_000,
        "the session is completed",
      );
      await mustHaveBoth({ demo, sessionId, token, heard: heard.map(({ digit }) => digit), said, seams });
      assert.deepEqual(faults, []);
    } finally {
      await close(browser);
    }
  });
}

/** Until the goodbye; the candidate's digits, turn by turn. */
async function interview(at, strikes) {
  const { page, heard } = at;
  const said = [];
  let struck = 0;
  const hit = async (strike) => {
    await strike.strike(at);
    struck += 1;
  };
  const isOver = () => page.getByRole("heading", { name: "Thank you for the talk" }).isVisible();
  let from = 0; // As the answer began: a strike may last longer than the count that follows.
  for (let turn = 0; turn < TURNS * 2; turn += 1) {
    const strike = strikes.find((it) => it.turn === turn);
    if (strike?.part === "ai") {
      await waitFor(() => heard.length >= from + strike.into, `turn ${turn}: the interviewer counts`, heard);
      await hit(strike);
    }
    let over = false;
    const counted = () => heard.length > from && heard.at(-1).digit === 9 && Date.now() - heard.at(-1).at >= PAUSE_MS;
    await waitFor(async () => counted() || (over = along(heard.map(({ digit }) => digit)).reached >= TURNS * 10 && (await isOver())), `turn ${turn}: it counts to nine`, heard);
    if (over) {
      assert.equal(struck, strikes.length, "all strikes have struck");
      return said;
    }
    const digits = answer(turn);
    said.push(digits);
    from = heard.length;
    await page.evaluate((all) => window.vivavoceMouth.say(all), digits);
    if (strike?.part === "candidate") {
      await page.waitForFunction((left) => window.vivavoceMouth.saying() <= left, digits.length - strike.into);
      const left = await page.evaluate(() => window.vivavoceMouth.saying());
      assert.ok(left > 1, `struck in its midst: ${left} digits were left`);
      await hit(strike);
    }
    await page.waitForFunction(() => window.vivavoceMouth.isSilent());
    if (strike?.part === "between") await hit(strike);
  }
  throw new Error("the interview has no end");
}

/** Long enough to be struck in its midst by a test that is late; none twice in a row, others in each turn. */
const answer = (turn) => Array.from({ length: 20 }, (_, n) => (turn * 7 + n * 3 + 1) % 10).join("");

/** Looks often, and asks the page nothing: a strike is to come where it is meant to. */
async function waitFor(isMet, words, heard) {
  const deadline = Date.now() + TURN_MS_MAX;
  while (!(await isMet())) {
    if (Date.now() > deadline) throw new Error(`not within ${TURN_MS_MAX / 1_000} s: ${words}; heard ${heard.map(({ digit }) => digit).join("")}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/**
 * The law of `tests/continuity/judge.rs`: the candidate's digits are in the AI's last conversation and in the record once each, in order;
 * the interviewer's count reaches the candidate and the record with none missing, and at a seam one may be said again.
 */
async function mustHaveBoth({ demo, sessionId, token, heard, said, seams }) {
  const survivor = (await demo.accounts()).filter(({ responses }) => responses?.length > 0).at(-1);
  const entries = await demo.transcript(sessionId, token);
  const all = said.join("");
  assert.equal(survivor.said_by_user, all, "candidate to AI");
  const count = along(heard);
  assert.ok(count.missing === 0 && count.reached === TURNS * 10 && count.again <= seams, `AI to candidate: ${JSON.stringify(count)}, heard ${heard.join("")}`);

  const numbers = entries.map(({ sequence_number: number }) => number);
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), "the record's numbers rise");
  assert.equal(recorded(entries, "candidate"), all, "the record, candidate");
  const theirs = along([...recorded(entries, "ai")].map(Number));
  const short = Math.abs(TURNS * 10 - theirs.reached); // Of an answer that was cut off it is an estimate what was heard, to the word.
  assert.ok(theirs.missing + short <= seams && theirs.again <= seams, `the record, interviewer: ${JSON.stringify(theirs)}`);
  assert.deepEqual(await demo.sessionRows(), [{ id: sessionId, status: "completed", end_reason: "interviewer" }]);
}

/** How what was heard goes along the endless count; up to four back is said again. */
function along(digits) {
  const count = { reached: 0, missing: 0, again: 0 };
  for (const digit of digits) {
    const step = (digit + 10 - (count.reached % 10)) % 10;
    if (step <= 5 || count.reached < 10 - step) {
      count.missing += step;
      count.reached += step + 1;
    } else {
      count.again += 10 - step;
      count.reached -= 10 - step - 1;
    }
  }
  return count;
}
