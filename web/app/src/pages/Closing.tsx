import { useEffect, useState } from "react";
import { Api } from "@vivavoce/sdk";
import type { InterviewEvents, TranscriptEntry } from "@vivavoce/sdk";
import { Download, Printer } from "lucide-react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";
import type { Visit } from "../tab.js";

/** Thanks, what happens next, the transcript, and a way to say that something went wrong. */
export function Closing({ visit, ended }: { visit: Visit; ended: InterviewEvents["ended"] }) {
  const { company, position, sessionId } = visit.session;
  const who = company.name === "" ? "the company" : company.name;
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const failed = ended.reason === "failed";
  useTitle(failed ? "The interview could not be finished" : "Thank you");
  return (
    <Frame who={company.name} where={position.title}>
      <h1 ref={heading} tabIndex={-1}>
        {failed ? "We could not finish, and that was not you." : "Thank you for the talk"}
      </h1>
      <div className="stack apart">
        <p className="lead">{leadFor(ended, who)}</p>
        {!failed && (
          <p>
            A person at {who} reads what was said and decides. You hear from them by email; when is theirs to say, and you may ask by
            answering the email that invited you.
          </p>
        )}
        <p>The microphone is off. You can close this page.</p>
      </div>
      <Transcript visit={visit} />
      <section className="section">
        <h2>Did something go wrong?</h2>
        <p>
          {failed ? "Ask for another time" : "If the sound failed, if you were cut off, or if the record above has it wrong, say so"} by answering
          the email that invited you. Name this code, so that the right interview is found: <strong>{sessionId.slice(-8)}</strong>
        </p>
      </section>
    </Frame>
  );
}

function leadFor(ended: InterviewEvents["ended"], who: string): string {
  switch (ended.reason) {
    case "interviewer":
      return "The interviewer has closed the interview. What was said is kept.";
    case "candidate":
      return "You have ended the interview. What was said is kept.";
    case "recruiter":
      return `${who} has ended the interview. What was said is kept.`;
    case "time":
      return "That was the time we had. What was said is kept.";
    case "failed":
      return `Your answers so far are kept, and ${who} can see that it broke off.`;
    case "unknown":
      return "The interview is over. What was said is kept.";
    default:
      return never(ended.reason);
  }
}

type Reading = { readonly is: "reading" } | { readonly is: "read"; readonly entries: readonly TranscriptEntry[] } | { readonly is: "away" };

function Transcript({ visit }: { visit: Visit }) {
  const [reading, setReading] = useState<Reading>({ is: "reading" });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let over = false;
    const api = new Api(visit.session.relayUrl === null ? {} : { baseUrl: visit.session.relayUrl });
    api.transcript(visit.accessToken, visit.session.sessionId).then(
      (entries) => !over && setReading({ is: "read", entries }),
      () => !over && setReading({ is: "away" }),
    );
    return () => {
      over = true;
    };
  }, [visit, tries]);

  return (
    <section className="section" aria-labelledby="transcript-title">
      <h2 id="transcript-title">What was said</h2>
      {reading.is === "reading" && (
        <div aria-busy="true">
          <p className="unseen" role="status">
            Reading the transcript
          </p>
          <div className="held held-row" />
        </div>
      )}
      {reading.is === "away" && (
        <div className="stack">
          <p>The transcript cannot be shown at this moment. It is kept all the same.</p>
          <button type="button" className="button" onClick={() => setTries(tries + 1)}>
            Try again
          </button>
        </div>
      )}
      {reading.is === "read" && reading.entries.length === 0 && <p>Nothing was said, so nothing is written down.</p>}
      {reading.is === "read" && reading.entries.length > 0 && (
        <>
          <p className="note">Written down by a machine as it was spoken; it can mishear.</p>
          <div className="choices">
            <button type="button" className="button" onClick={() => save(reading.entries, visit)}>
              <Download className="icon" aria-hidden="true" />
              Save as text
            </button>
            <button type="button" className="button" onClick={() => print()}>
              <Printer className="icon" aria-hidden="true" />
              Print
            </button>
          </div>
          <ol className="transcript">
            {reading.entries.map((entry, index) => (
              <li key={`${entry.itemId}-${index}`}>
                <p className="voice">{entry.speaker === "ai" ? "Interviewer" : "You"}</p>
                <p lang={visit.session.position.language ?? undefined}>
                  {entry.text}
                  {aside(entry) !== null && (
                    <span className="note" lang="en">
                      {" "}
                      {aside(entry)}
                    </span>
                  )}
                </p>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function aside(entry: TranscriptEntry): string | null {
  return entry.missing ? "(spoken, but not written down)" : entry.interrupted ? "(cut off here)" : null;
}

function save(entries: readonly TranscriptEntry[], visit: Visit): void {
  const lines = entries.map((entry) => [entry.speaker === "ai" ? "Interviewer:" : "You:", entry.text, aside(entry)].filter(Boolean).join(" "));
  const head = `${visit.session.position.title}, ${visit.session.company.name}`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([[head, "", ...lines, ""].join("\n")], { type: "text/plain" }));
  link.download = "interview.txt";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
