import { useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";
import type { Visit } from "../tab.js";
import { dayAndTime } from "../words.js";

/** Who invites, for what, what will happen; and the sentence of consent. A change of these words is a new version (way.ts). */
export function Invitation({ visit, onBegin, onDecline }: { visit: Visit; onBegin: () => Promise<void>; onDecline: () => void }) {
  const { position, company } = visit.session;
  const who = company.name === "" ? "The company that invited you" : company.name;
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const [beginning, setBeginning] = useState(false);
  const until = dayAndTime(visit.expiresAt);
  useTitle(`Your interview with ${who}`);

  return (
    <Frame who={company.name} where="Your invitation">
      <p className="from">{who} invites you to an interview</p>
      <h1 ref={heading} tabIndex={-1}>
        {position.title === "" ? "Your interview" : position.title}
      </h1>
      <dl className="terms">
        <div>
          <dt>Who speaks</dt>
          <dd>
            An AI, by voice. It asks, you answer in your own words. You can interrupt it, ask it to repeat, and take time to
            think; what is said also stands on the screen.
          </dd>
        </div>
        <div>
          <dt>How long</dt>
          <dd>
            {position.maxMinutes === null ? "As long as the questions take; the time that is left is always shown." : `At most ${position.maxMinutes} minutes.`}{" "}
            {until !== null && `You can begin until ${until}, and come back by the same link if you are cut off.`}
          </dd>
        </div>
        <div>
          <dt>What is kept</dt>
          <dd>
            What both of you say, in writing, with its times. Your voice goes to the AI service while you speak, so that it can
            answer. {who} reads the transcript, and can delete it; you see it too, at the end.
          </dd>
        </div>
        <div>
          <dt>Who decides</dt>
          <dd>A person at {company.name === "" ? "the company" : company.name}. The AI holds the talk; it does not judge you.</dd>
        </div>
        <div>
          <dt>Another way</dt>
          <dd>
            You can type instead of speaking at any time. If you would rather talk with a person, or need more time, answer the
            email that invited you.
          </dd>
        </div>
      </dl>
      <p className="consent" id="consent">
        “I agree to be interviewed by an AI, and that what I say is written down and read by {company.name === "" ? "the company" : company.name}.”
      </p>
      <div className="choices choices-wide apart">
        <button
          type="button"
          className="button button-main"
          aria-describedby="consent"
          disabled={beginning}
          onClick={() => {
            setBeginning(true);
            void onBegin().finally(() => setBeginning(false));
          }}
        >
          I agree, begin
        </button>
        <button type="button" className="button button-plain" onClick={onDecline}>
          Not now
        </button>
      </div>
      <p className="note apart">First we try your sound and your microphone. The interview starts only when you say so.</p>
    </Frame>
  );
}

/** "Not now": nothing has happened, and the way back. */
export function Declined({ visit, onBegin }: { visit: Visit; onBegin: () => void }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const until = dayAndTime(visit.expiresAt);
  useTitle("Not now");
  return (
    <Frame who={visit.session.company.name} where="Not now">
      <div className="stack">
        <h1 ref={heading} tabIndex={-1}>
          Another time, then
        </h1>
        <p className="lead">
          Nothing has been recorded. {until === null ? "The link in your email stays good for now." : `The link in your email stays good until ${until}.`}
        </p>
        <p>If you would rather talk with a person, or need other arrangements, answer the email that invited you.</p>
        <div className="choices">
          <button type="button" className="button" onClick={onBegin}>
            Begin after all
          </button>
        </div>
      </div>
    </Frame>
  );
}
