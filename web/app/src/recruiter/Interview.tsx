import { useCallback, useEffect, useRef, useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { DeskApi, InterviewRow, Line } from "./desk-api.js";
import { useNames } from "./names.js";
import { Link, Shown, useAsked } from "./parts.js";
import { path } from "./place.js";
import { at, clock, interviewWords, length } from "./words.js";

interface Record {
  readonly row: InterviewRow;
  readonly lines: readonly Line[];
}

/** One that goes on is asked for anew so often. */
const LIVE_MS = 3_000;

/** The record of one interview, to be read for a decision. */
export function InterviewPage({ api, id }: { api: DeskApi; id: string }) {
  const ask = useCallback(async (): Promise<Record> => {
    const [row, lines] = await Promise.all([api.interview(id), api.transcript(id)]);
    return { row, lines };
  }, [api, id]);
  const [isLive, setLive] = useState(true);
  const of = useAsked(ask, isLive ? LIVE_MS : null);
  const status = of.asked.is === "there" ? of.asked.value.row.status : null;
  if (isLive && (status === "completed" || status === "failed")) setLive(false);
  return <Shown of={of}>{({ row, lines }) => <Review api={api} row={row} lines={lines} />}</Shown>;
}

function Review({ api, row, lines }: { api: DeskApi; row: InterviewRow; lines: readonly Line[] }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const names = useNames(api);
  const who = names.candidate(row.candidateId);
  useTitle(`Interview with ${who}`);
  return (
    <article className="review">
      <p className="from">
        <Link to={path("interviews")}>Interviews</Link>
      </p>
      <h1 ref={heading} tabIndex={-1}>
        {who}
      </h1>
      <p className="lead">{names.position(row.positionId)}</p>
      <dl className="facts">
        <div>
          <dt>State</dt>
          <dd>{interviewWords(row)}</dd>
        </div>
        {row.startedAt !== null && (
          <div>
            <dt>Begun</dt>
            <dd>{at(row.startedAt)}</dd>
          </div>
        )}
        {row.endedAt !== null && (
          <div>
            <dt>Length</dt>
            <dd>{length(row.startedAt, row.endedAt)}</dd>
          </div>
        )}
        {row.technicalFailure !== null && (
          <div>
            <dt>What failed</dt>
            <dd>{row.technicalFailure}. That was not the candidate.</dd>
          </div>
        )}
      </dl>
      <h2 className="apart">What was said</h2>
      <p className="note">Written down by the AI service as it was said; the keys j and k go through it.</p>
      {lines.length === 0 ? (
        <div className="empty">
          <p>Nothing was said yet.</p>
        </div>
      ) : (
        <Transcript lines={lines} from={row.startedAt ?? lines[0]?.at ?? null} />
      )}
    </article>
  );
}

function Transcript({ lines, from }: { lines: readonly Line[]; from: string | null }) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      if (step === 0 || isTyping || event.metaKey || event.ctrlKey || event.altKey || list.current === null) return;
      const all = [...list.current.children].filter((one) => one instanceof HTMLElement);
      const now = all.findIndex((one) => one === document.activeElement);
      const next = all[Math.min(all.length - 1, Math.max(0, now + step))];
      next?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const began = Date.parse(from ?? "");
  return (
    <ol className="record" ref={list}>
      {lines.map((line) => {
        const since = Date.parse(line.at) - began;
        return (
          <li key={line.id} data-speaker={line.speaker} tabIndex={-1}>
            <p className="record-who">
              {line.speaker === "ai" ? "Interviewer" : "Candidate"} <time dateTime={line.at}>{Number.isNaN(since) ? "" : clock(Math.max(0, since))}</time>
            </p>
            <p>{line.missing ? <em>Something was said here that could not be written down.</em> : line.text}</p>
            {line.interrupted && !line.missing && <p className="note">Broken off here.</p>}
          </li>
        );
      })}
    </ol>
  );
}
