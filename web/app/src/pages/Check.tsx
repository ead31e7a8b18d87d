import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import type { ReactNode } from "react";
import { openMicrophone } from "@vivavoce/sdk";
import { Check as Tick, Mic, Play, Volume2 } from "lucide-react";
import { audioContext } from "../audio/context.js";
import { playChime } from "../audio/chime.js";
import { playVoice, recordVoice } from "../audio/echo.js";
import { CHECK_START, checkStep, networkOf, rowOf } from "../check.js";
import type { Check as CheckState, Network } from "../check.js";
import { useHeadingFocus, useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";
import { Meter } from "../parts/Meter.js";
import { browserOf, remedyFor } from "../remedies.js";
import type { Visit } from "../tab.js";

/** Hear this, say this, the network: one at a time, each with its remedy. */
export function Check({ visit, onJoin }: { visit: Visit; onJoin: (microphone: MediaStream | null) => void }) {
  const [check, tell] = useReducer(checkStep, CHECK_START);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const given = useRef(false);
  const heading = useHeadingFocus<HTMLHeadingElement>();
  useTitle("Check your sound");

  useEffect(() => {
    let over = false;
    void measureNetwork().then((network) => {
      if (!over) tell({ on: "network", network });
    });
    return () => {
      over = true;
    };
  }, []);

  // Whoever leaves this page without going on gives the microphone back.
  useEffect(
    () => () => {
      if (!given.current) stream?.getTracks().forEach((track) => track.stop());
    },
    [stream],
  );

  const ask = async () => {
    tell({ on: "asking" });
    audioContext();
    const answer = await openMicrophone(navigator.mediaDevices);
    if (answer.is === "refused") {
      tell({ on: "refused", reason: answer.reason });
    } else {
      setStream(answer.stream);
      tell({ on: "opened" });
    }
  };

  const row = rowOf(check);
  const join = (microphone: MediaStream | null) => {
    given.current = true;
    onJoin(microphone);
  };

  return (
    <Frame who={visit.session.company.name} where="Before we start">
      <h1 ref={heading} tabIndex={-1}>
        Can we hear each other?
      </h1>
      <p className="lead">Nothing here is kept. It takes less than a minute.</p>
      <ol className="check">
        <Row number={1} title="Hear this" state={row === "sound" ? "now" : "done"} outcome={soundOutcome(check)}>
          {row === "sound" && <SoundWork check={check} tell={tell} />}
        </Row>
        <Row number={2} title="Say something" state={row === "sound" ? "later" : row === "microphone" ? "now" : "done"} outcome={microphoneOutcome(check)}>
          {row !== "sound" && <MicrophoneWork check={check} stream={stream} tell={tell} onAsk={() => void ask()} />}
        </Row>
        <Row number={3} title="Your network" state={check.network === "testing" ? "now" : "done"} outcome={NETWORK[check.network].outcome}>
          {NETWORK[check.network].remedy !== null && <p className="remedy">{NETWORK[check.network].remedy}</p>}
        </Row>
      </ol>
      {row === "ready" && (
        <div className="choices choices-wide apart">
          <button type="button" className="button button-main" onClick={() => join(stream)}>
            Start the interview
          </button>
        </div>
      )}
      <p className="note apart" role="status">
        {row === "ready" ? "The interviewer greets you first. There is no hurry with any answer." : "After these steps you start the interview yourself."}
      </p>
    </Frame>
  );
}

type Tell = React.Dispatch<Parameters<typeof checkStep>[1]>;

function SoundWork({ check, tell }: { check: CheckState; tell: Tell }) {
  const play = async () => {
    tell({ on: "sound", sound: "playing" });
    tell({ on: "sound", sound: (await playChime()) ? "asked" : "unheard" });
  };
  return (
    <div className="work">
      {check.sound === "asked" ? (
        <>
          <p>Three notes were played. Did you hear them?</p>
          <div className="choices">
            <button type="button" className="button button-next" onClick={() => tell({ on: "sound", sound: "heard" })} autoFocus>
              Yes, I heard them
            </button>
            <button type="button" className="button" onClick={() => void play()}>
              Play them again
            </button>
            <button type="button" className="button button-plain" onClick={() => tell({ on: "sound", sound: "unheard" })}>
              I heard nothing
            </button>
          </div>
        </>
      ) : (
        <>
          <p>You will hear three soft notes. Headphones are best, if you have them.</p>
          <button type="button" className="button button-next" disabled={check.sound === "playing"} onClick={() => void play()}>
            <Volume2 className="icon" aria-hidden="true" />
            {check.sound === "playing" ? "Playing" : "Play the notes"}
          </button>
        </>
      )}
    </div>
  );
}

function MicrophoneWork({ check, stream, tell, onAsk }: { check: CheckState; stream: MediaStream | null; tell: Tell; onAsk: () => void }) {
  const { microphone } = check;
  const heard = useCallback(() => tell({ on: "heardSomething" }), [tell]);
  switch (microphone.is) {
    case "todo":
    case "asking":
      return (
        <div className="work">
          {check.sound === "unheard" && (
            <p className="remedy">
              Turn the volume up, and see which speaker or headset your device plays to. You can go on: what the interviewer says also
              stands on the screen.
            </p>
          )}
          <p>Your browser will ask whether this page may use the microphone. Please allow it.</p>
          <button type="button" className="button button-next" disabled={microphone.is === "asking"} onClick={onAsk}>
            <Mic className="icon" aria-hidden="true" />
            {microphone.is === "asking" ? "Waiting for your browser" : "Use my microphone"}
          </button>
        </div>
      );
    case "refused": {
      const remedy = remedyFor(microphone.reason, browserOf(navigator.userAgent, navigator.maxTouchPoints));
      return (
        <div className="work">
          <div className="remedy" role="alert">
            <p>{remedy.what}</p>
            <ol>
              {remedy.steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
          </div>
          <div className="choices">
            <button type="button" className="button button-next" onClick={onAsk}>
              Try again
            </button>
            <button type="button" className="button button-plain" onClick={() => tell({ on: "without" })}>
              Go on without, and type
            </button>
          </div>
        </div>
      );
    }
    case "open":
      return stream === null ? null : (
        <div className="work">
          <p>{microphone.heardSomething ? "Your microphone hears you." : "Say your name, as you would to a person across the table."}</p>
          <Meter stream={stream} onHeard={heard} />
          <Playback voice={microphone.voice} stream={stream} tell={tell} />
        </div>
      );
    case "without":
      return null;
    default:
      return never(microphone);
  }
}

function Playback({ voice, stream, tell }: { voice: "quiet" | "recording" | "playing" | "played"; stream: MediaStream; tell: Tell }) {
  const [failed, setFailed] = useState(false);
  const run = async () => {
    tell({ on: "voice", voice: "recording" });
    const recorded = await recordVoice(stream);
    if (recorded === null) {
      setFailed(true);
      tell({ on: "voice", voice: "quiet" });
      return;
    }
    tell({ on: "voice", voice: "playing" });
    setFailed(!(await playVoice(recorded)));
    tell({ on: "voice", voice: "played" });
  };
  const label = { quiet: "Hear yourself", recording: "Speak now, four seconds", playing: "This is how you sound", played: "Hear yourself again" }[voice];
  return (
    <>
      <button type="button" className="button" disabled={voice === "recording" || voice === "playing"} onClick={() => void run()}>
        <Play className="icon" aria-hidden="true" />
        {label}
      </button>
      {failed && <p className="note">This browser cannot play it back here. If the bars move, the interviewer will hear you.</p>}
    </>
  );
}

function Row({ number, title, state, outcome, children }: { number: number; title: string; state: "now" | "later" | "done"; outcome: string | null; children: ReactNode }) {
  return (
    <li data-state={state} aria-current={state === "now" ? "step" : undefined}>
      <span className="mark" aria-hidden="true">
        {state === "done" ? <Tick className="icon" /> : number}
      </span>
      <div>
        <div className="row">
          <h2>{title}</h2>
          {outcome !== null && (
            <p className="outcome" role="status">
              {outcome}
            </p>
          )}
        </div>
        {children}
      </div>
    </li>
  );
}

const NETWORK: Readonly<Record<Network, { outcome: string; remedy: string | null }>> = {
  testing: { outcome: "Being tried", remedy: null },
  good: { outcome: "It is quick enough for a talk", remedy: null },
  slow: { outcome: "It answers slowly", remedy: "The talk may lag a little. Nearer to the router, or on another network, it goes better." },
  away: { outcome: "It does not answer", remedy: "See whether you are online, or try another network. You can also wait here." },
};

function soundOutcome(check: CheckState): string | null {
  return check.sound === "heard" ? "You heard it" : check.sound === "unheard" ? "Not heard; captions will help" : null;
}

function microphoneOutcome(check: CheckState): string | null {
  const { microphone } = check;
  if (microphone.is === "without") return "You will type your answers";
  return microphone.is === "open" && microphone.heardSomething ? "We hear you" : null;
}

const PROBES = 5;

async function measureNetwork(): Promise<Network> {
  const roundTrips: number[] = [];
  for (let probe = 0; probe < PROBES; probe += 1) {
    const from = performance.now();
    try {
      const response = await fetch("/healthz", { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(4_000) });
      if (response.ok) roundTrips.push(performance.now() - from);
    } catch {
      // Counted by its absence.
    }
  }
  return networkOf(roundTrips);
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
