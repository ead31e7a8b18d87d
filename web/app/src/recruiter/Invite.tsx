import { useCallback, useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { Candidate, DeskApi, NewInvitation, Paged, Position } from "./desk-api.js";
import { Sent } from "./Invitations.js";
import { Failed, Field, Link, Shown, useAsked, useDoing, useOnceKey, wrongOf } from "./parts.js";
import { path } from "./place.js";

/** Lists are asked for to this many pages: who has more looks for the candidate, and invites from there. */
const PAGES_MAX = 5;

interface Choice {
  readonly candidates: readonly Candidate[];
  readonly positions: readonly Position[];
}

/** One candidate to one position. `candidateId`: who was chosen already. */
export function Invite({ api, candidateId }: { api: DeskApi; candidateId: string | null }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const ask = useCallback(async (): Promise<Choice> => {
    const [candidates, positions, chosen] = await Promise.all([
      all((after) => api.candidates(after)),
      all((after) => api.positions(after)),
      candidateId === null ? null : api.candidate(candidateId),
    ]);
    const isThere = chosen === null || candidates.some(({ id }) => id === chosen.id);
    return { candidates: isThere ? candidates : [chosen, ...candidates], positions };
  }, [api, candidateId]);
  const of = useAsked(ask);
  useTitle("Invite");
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        Invite to an interview
      </h1>
      <Shown of={of}>
        {(choice) =>
          choice.candidates.length === 0 || choice.positions.length === 0 ? (
            <div className="empty">
              <p>
                First there has to be <Link to={path("positions", "new")}>a position</Link> and <Link to={path("candidates", "new")}>a candidate</Link>.
              </p>
            </div>
          ) : (
            <InviteForm api={api} choice={choice} candidateId={candidateId} />
          )
        }
      </Shown>
    </>
  );
}

function InviteForm({ api, choice, candidateId }: { api: DeskApi; choice: Choice; candidateId: string | null }) {
  const [candidate, setCandidate] = useState(candidateId ?? choice.candidates[0]?.id ?? "");
  const [position, setPosition] = useState(choice.positions[0]?.id ?? "");
  const [hours, setHours] = useState(48);
  const [made, setMade] = useState<NewInvitation | null>(null);
  const { isBusy, error, run } = useDoing();
  const once = useOnceKey();
  const changed = () => {
    once.used();
    setMade(null);
  };
  return (
    <form
      className="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        run(async () => {
          setMade(await api.invite(candidate, position, hours, once.key()));
          once.used();
        });
      }}
    >
      <Field label="Candidate" wrong={wrongOf(error, "/candidate_id")}>
        {(given) => (
          <select
            {...given}
            className="field"
            value={candidate}
            onChange={(event) => {
              changed();
              setCandidate(event.target.value);
            }}
          >
            {choice.candidates.map(({ id, name, email }) => (
              <option key={id} value={id}>
                {name}, {email}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Position" wrong={wrongOf(error, "/position_id")}>
        {(given) => (
          <select
            {...given}
            className="field"
            value={position}
            onChange={(event) => {
              changed();
              setPosition(event.target.value);
            }}
          >
            {choice.positions.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Hours in which it can be begun" hint="From 1 to 720. Once begun, it stays open until it ends." wrong={wrongOf(error, "/expiration_hours")}>
        {(given) => (
          <input
            {...given}
            className="field field-short"
            type="number"
            min={1}
            max={720}
            value={hours}
            onChange={(event) => {
              changed();
              setHours(event.target.valueAsNumber || 0);
            }}
          />
        )}
      </Field>
      {error !== null && <Failed error={error} />}
      <div className="choices">
        <button type="submit" className="button button-main" disabled={isBusy || made !== null}>
          {isBusy ? "Inviting…" : made !== null ? "Invited" : "Invite"}
        </button>
      </div>
      <div role="status">{made !== null && <Sent invitation={made} />}</div>
    </form>
  );
}

async function all<T>(ask: (after: string | null) => Promise<Paged<T>>): Promise<readonly T[]> {
  const found: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next }: Paged<T> = await ask(after);
    found.push(...items);
    if (next === null) break;
    after = next;
  }
  return found;
}
