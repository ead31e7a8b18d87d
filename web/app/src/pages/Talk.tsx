import { useState } from "react";
import { openMicrophone, presenceOf } from "@vivavoce/sdk";
import type { Interview, InterviewState } from "@vivavoce/sdk";
import { Keyboard, LogOut, Mic, MicOff } from "lucide-react";
import { seenAt, useHeadingFocus, useInterview, useNow, useTitle, useWakeLock } from "../hooks.js";
import { Confirm } from "../parts/Confirm.js";
import { Presence } from "../parts/Presence.js";
import { Said } from "../parts/Said.js";
import { SimulatorBanner } from "../parts/SimulatorBanner.js";
import { Voice } from "../parts/Voice.js";
import { deviceOf } from "../remedies.js";
import type { Visit } from "../tab.js";
import { asideFor, MEMORY_START, memoryStep } from "../talk.js";
import { connectionWords, dayAndTime, timeLeftWords, UNSPOKEN_MS } from "../words.js";
import { Frame } from "../parts/Frame.js";
import { Refused } from "./Problem.js";

/** The interview: the interviewer's presence, what is said, and three things one can do. */
export function Talk({ visit, interview }: { visit: Visit; interview: Interview }) {
  const state = useInterview(interview);
  switch (state.phase.is) {
    case "elsewhere":
      return <Elsewhere visit={visit} interview={interview} />;
    case "refused":
      return <Refused visit={visit} code={state.phase.code} onAgain={() => void rejoin(interview)} />;
    case "idle":
    case "joining":
    case "live":
    case "ending":
    case "ended":
    case "left":
      return <Table visit={visit} interview={interview} state={state} />;
    default:
      return never(state.phase);
  }
}

function Table({ visit, interview, state }: { visit: Visit; interview: Interview; state: InterviewState }) {
  const { position, company, sessionId } = visit.session;
  const now = useNow(250);
  // A loss that has lasted 2 s is to be told from one that has not, also as it ends between two ticks.
  const steady = Math.max(now.steady, seenAt(state));
  const memory = useMemory(state, steady);
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const [typing, setTyping] = useState(state.microphone.is === "none");
  const [asking, setAsking] = useState(false);
  const [ending, setEnding] = useState(false);
  const [voice, setVoice] = useState<MediaStream | null>(null);
  useWakeLock();
  useTitle(`Interview: ${position.title}`);

  const until = dayAndTime(visit.expiresAt);
  const words = connectionWords(state, memory, steady, { device: deviceOf(navigator.userAgent, navigator.maxTouchPoints), linkUntil: until });
  const left = state.phase.is === "live" || state.phase.is === "ending" ? timeLeftWords(state.server?.endsAt, now.epoch) : null;
  const unheard = state.leg.is === "lost" && steady - state.leg.since >= UNSPOKEN_MS;
  const timeUp = state.phase.is === "ending" && state.notices.some((notice) => notice.code === "time_up");

  return (
    <main className="talk" data-session={sessionId}>
      <header>
        <SimulatorBanner notices={state.notices} />
        <div className="talk-head">
          <h1 ref={heading} tabIndex={-1}>
            {position.title}
          </h1>
          <p className="with">{company.name === "" ? "" : `at ${company.name}`}</p>
          <p className="left">{left}</p>
        </div>
      </header>
      <Presence
        doing={unheard ? "away" : presenceOf(state)}
        known={memory.aiSeen}
        voice={voice}
        aside={unheard ? null : asideFor(memory, steady)}
      />
      <Said captions={state.captions} pending={state.pendingWords} language={position.language} />
      <footer className="talk-foot">
        <div className="state" data-tone={words.tone}>
          <p role="status">{timeUp ? "That was the time we had. The interviewer is saying goodbye." : words.text}</p>
          {words.action === "microphone" && (
            <button type="button" className="button" onClick={() => void again(interview)}>
              Go on
            </button>
          )}
          {words.action === "retry" && (
            <button type="button" className="button" onClick={interview.retryNow}>
              Try now
            </button>
          )}
          <Voice interview={interview} onStream={setVoice} />
        </div>
        {typing && <Typing interview={interview} />}
        <div className="controls" role="group" aria-label="Your microphone, typing, and the end">
          {state.microphone.is === "none" ? (
            <button type="button" className="button" onClick={() => void again(interview)}>
              <Mic className="icon" aria-hidden="true" />
              Use microphone
            </button>
          ) : (
            <button type="button" className="button" aria-pressed={state.muted} onClick={() => interview.mute(!state.muted)}>
              {state.muted ? <MicOff className="icon" aria-hidden="true" /> : <Mic className="icon" aria-hidden="true" />}
              {state.muted ? "You are muted" : "Mute"}
            </button>
          )}
          <button type="button" className="button" aria-expanded={typing} onClick={() => setTyping(!typing)}>
            <Keyboard className="icon" aria-hidden="true" />
            {typing ? "Close typing" : "Type instead"}
          </button>
          <button type="button" className="button" disabled={ending || state.phase.is === "ending"} onClick={() => setAsking(true)}>
            <LogOut className="icon" aria-hidden="true" />
            {ending || state.phase.is === "ending" ? "Ending" : "End"}
          </button>
        </div>
      </footer>
      {asking && (
        <Confirm
          title="End the interview?"
          yes="End it now"
          no="Go on talking"
          onNo={() => setAsking(false)}
          onYes={() => {
            setAsking(false);
            setEnding(true);
            interview.end();
          }}
        >
          <p>What you have said is kept, and {company.name === "" ? "the company" : company.name} reads it. The interview cannot be taken up again afterwards.</p>
        </Confirm>
      )}
    </main>
  );
}

function Typing({ interview }: { interview: Interview }) {
  const [text, setText] = useState("");
  const [full, setFull] = useState(false);
  const send = () => {
    const sent = interview.say(text);
    setFull(!sent);
    if (sent) setText("");
  };
  return (
    <form
      className="typing"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label htmlFor="answer">
        {full ? "Your earlier words are still on their way. Wait a moment, then send this." : "Your answer"}
        <span className="keys">{full ? "" : " (Enter sends it, Shift and Enter begins a new line)"}</span>
      </label>
      <textarea
        id="answer"
        className="field"
        rows={1}
        value={text}
        maxLength={4_000}
        autoFocus
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      <button type="submit" className="button" disabled={text.trim() === ""}>
        Send
      </button>
    </form>
  );
}

function Elsewhere({ visit, interview }: { visit: Visit; interview: Interview }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  useTitle("The interview went on in another tab");
  return (
    <Frame who={visit.session.company.name} where="Another tab">
      <div className="stack">
        <h1 ref={heading} tabIndex={-1}>
          The interview went on in another tab.
        </h1>
        <p className="lead">Or on another device. It can be in one place at a time; what has been said so far is kept.</p>
        <div className="choices">
          <button type="button" className="button button-main" onClick={() => void rejoin(interview)}>
            Return here
          </button>
        </div>
      </div>
    </Frame>
  );
}

function useMemory(state: InterviewState, now: number) {
  const [memory, setMemory] = useState(MEMORY_START);
  const next = memoryStep(memory, state, now);
  const same = (Object.keys(next) as (keyof typeof next)[]).every((key) => next[key] === memory[key]);
  // React's own way to derive state from what was rendered before: it renders again at once.
  if (!same) setMemory(next);
  return same ? memory : next;
}

/** Asks for the microphone anew, in a press, and goes on with it. */
async function again(interview: Interview): Promise<void> {
  const answer = await openMicrophone(navigator.mediaDevices);
  if (answer.is === "open") await interview.useMicrophone(answer.stream);
}

async function rejoin(interview: Interview): Promise<void> {
  const answer = await openMicrophone(navigator.mediaDevices);
  interview.join(answer.is === "open" ? answer.stream : null);
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
