import { useCallback, useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { DeskApi, Position, PositionDraft, Question } from "./desk-api.js";
import { Failed, Field, Shown, useAsked, useDoing, useOnceKey, wrongOf } from "./parts.js";
import { go, path } from "./place.js";

const BLANK: Question = { question: "", followUps: [], patienceS: 8, rubric: "" };
const NEW: PositionDraft = { title: "", description: "", language: "en", voice: "marin", maxMinutes: 30, plan: [BLANK], instructions: "" };

/** A position as it is: asked for, then changed. */
export function PositionPage({ api, id }: { api: DeskApi; id: string | null }) {
  const ask = useCallback(() => (id === null ? Promise.resolve(null) : api.position(id)), [api, id]);
  const of = useAsked(ask);
  return <Shown of={of}>{(position) => <PositionForm api={api} position={position} />}</Shown>;
}

function PositionForm({ api, position }: { api: DeskApi; position: Position | null }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const [draft, setDraft] = useState<PositionDraft>(position ?? NEW);
  const [isKept, setKept] = useState(false);
  const { isBusy, error, run } = useDoing();
  const once = useOnceKey();
  useTitle(position === null ? "New position" : position.title);
  const change = (part: Partial<PositionDraft>) => {
    setKept(false);
    once.used(); // what is written now is another thing
    setDraft({ ...draft, ...part });
  };
  const save = async () => {
    const wanted = { ...draft, plan: draft.plan.map(tidied).filter(({ question, rubric, followUps }) => question !== "" || rubric !== "" || followUps.length > 0) };
    if (position !== null) {
      setDraft(await api.changePosition(position.id, wanted));
      setKept(true);
      return;
    }
    const made = await api.makePosition(wanted, once.key());
    go(path("positions", made.id));
  };
  return (
    <form
      className="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        run(save);
      }}
    >
      <h1 ref={heading} tabIndex={-1}>
        {position === null ? "New position" : position.title}
      </h1>
      <Field label="Title" hint="As candidates read it." wrong={wrongOf(error, "/title")}>
        {(given) => <input {...given} className="field" required maxLength={200} value={draft.title} onChange={(event) => change({ title: event.target.value })} />}
      </Field>
      <Field label="Description" hint="For the candidate to read before the interview; the interviewer knows it too." wrong={wrongOf(error, "/description")}>
        {(given) => (
          <textarea {...given} className="field" rows={4} maxLength={8000} value={draft.description} onChange={(event) => change({ description: event.target.value })} />
        )}
      </Field>
      <div className="side-by-side">
        <Field label="Language" hint="A tag such as en or de-CH." wrong={wrongOf(error, "/language")}>
          {(given) => <input {...given} className="field" value={draft.language} onChange={(event) => change({ language: event.target.value })} />}
        </Field>
        <Field label="Voice" hint="Of the interviewer." wrong={wrongOf(error, "/voice")}>
          {(given) => <input {...given} className="field" value={draft.voice} onChange={(event) => change({ voice: event.target.value })} />}
        </Field>
        <Field label="Minutes at most" hint="From 1 to 58." wrong={wrongOf(error, "/max_minutes")}>
          {(given) => (
            <input
              {...given}
              className="field"
              type="number"
              min={1}
              max={58}
              value={draft.maxMinutes}
              onChange={(event) => change({ maxMinutes: event.target.valueAsNumber || 0 })}
            />
          )}
        </Field>
      </div>
      <fieldset className="plan">
        <legend>Questions</legend>
        <p className="note">Asked in this order, in the interviewer's own words. What a good answer shows is for those who read, and is never told to the interviewer.</p>
        <ol>
          {draft.plan.map((question, at) => (
            <li key={at}>
              <Planned
                at={at}
                question={question}
                error={error}
                onChange={(changed) => change({ plan: draft.plan.map((one, other) => (other === at ? changed : one)) })}
                onMove={at === 0 ? null : () => change({ plan: moved(draft.plan, at) })}
                onRemove={() => change({ plan: draft.plan.filter((_, other) => other !== at) })}
              />
            </li>
          ))}
        </ol>
        {wrongOf(error, "/plan") !== null && <p className="wrong">The plan {wrongOf(error, "/plan")}.</p>}
        <button type="button" className="button" disabled={draft.plan.length >= 40} onClick={() => change({ plan: [...draft.plan, BLANK] })}>
          Another question
        </button>
      </fieldset>
      <Field label="What else the interviewer is told" hint="How you speak of yourselves, what to leave out." wrong={wrongOf(error, "/instructions")}>
        {(given) => (
          <textarea {...given} className="field" rows={3} maxLength={8000} value={draft.instructions} onChange={(event) => change({ instructions: event.target.value })} />
        )}
      </Field>
      {error !== null && <Failed error={error} />}
      <div className="choices">
        <button type="submit" className="button button-main" disabled={isBusy || draft.title.trim() === ""}>
          {isBusy ? "Saving…" : "Save"}
        </button>
        <p className="note" role="status">
          {isKept ? "Saved. Interviews that begin from now on have it so." : ""}
        </p>
      </div>
    </form>
  );
}

function Planned({
  at,
  question,
  error,
  onChange,
  onMove,
  onRemove,
}: {
  at: number;
  question: Question;
  error: unknown;
  onChange: (question: Question) => void;
  onMove: (() => void) | null;
  onRemove: () => void;
}) {
  const wrong = (field: string) => wrongOf(error, `/plan/${at}/${field}`);
  const number = at + 1;
  return (
    <div className="planned">
      <Field label={`Question ${number}`} wrong={wrong("question")}>
        {(given) => (
          <textarea {...given} className="field" rows={2} maxLength={1000} value={question.question} onChange={(event) => onChange({ ...question, question: event.target.value })} />
        )}
      </Field>
      <Field label={`Follow-ups to question ${number}`} hint="One a line; asked where an answer leaves them open." wrong={wrong("follow_ups")}>
        {(given) => (
          <textarea {...given} className="field" rows={2} value={question.followUps.join("\n")} onChange={(event) => onChange({ ...question, followUps: linesOf(event.target.value) })} />
        )}
      </Field>
      <Field label={`What a good answer to question ${number} shows`} wrong={wrong("rubric")}>
        {(given) => (
          <textarea {...given} className="field" rows={2} maxLength={2000} value={question.rubric} onChange={(event) => onChange({ ...question, rubric: event.target.value })} />
        )}
      </Field>
      <div className="choices">
        <Field label={`Seconds to think about question ${number}`} wrong={wrong("patience_s")}>
          {(given) => (
            <input
              {...given}
              className="field field-short"
              type="number"
              min={0}
              max={120}
              value={question.patienceS}
              onChange={(event) => onChange({ ...question, patienceS: event.target.valueAsNumber || 0 })}
            />
          )}
        </Field>
        {onMove !== null && (
          <button type="button" className="button button-plain" onClick={onMove} aria-label={`Move up question ${number}`}>
            Move up
          </button>
        )}
        <button type="button" className="button button-plain" onClick={onRemove} aria-label={`Remove question ${number}`}>
          Remove
        </button>
      </div>
    </div>
  );
}

/** While one writes, an empty last line is on its way to be the next. */
const linesOf = (text: string): readonly string[] => (text === "" ? [] : text.split("\n"));

/** As it is sent: without the empty lines that writing leaves. */
function tidied(question: Question): Question {
  const followUps = question.followUps.map((line) => line.trim()).filter((line) => line !== "");
  return { ...question, followUps, question: question.question.split(/\s+/).join(" ").trim(), rubric: question.rubric.trim() };
}

/** One place nearer to the beginning. */
function moved<T>(all: readonly T[], at: number): readonly T[] {
  const [before, one] = [all[at - 1], all[at]];
  if (before === undefined || one === undefined) return all;
  return [...all.slice(0, at - 1), one, before, ...all.slice(at + 1)];
}
