import { useCallback, useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { Candidate, CandidateDraft, DeskApi } from "./desk-api.js";
import { Failed, Field, Link, List, Shown, useAsked, useDoing, useOnceKey, wrongOf } from "./parts.js";
import { go, path } from "./place.js";

export function Candidates({ api }: { api: DeskApi }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const ask = useCallback((after: string | null) => api.candidates(after), [api]);
  useTitle("Candidates");
  return (
    <>
      <div className="desk-title">
        <h1 ref={heading} tabIndex={-1}>
          Candidates
        </h1>
        <Link to={path("candidates", "new")} className="button button-next">
          New candidate
        </Link>
      </div>
      <List
        ask={ask}
        caption="Candidates, the newest first"
        head={["Name", "Address"]}
        empty={
          <p>
            Nobody yet. <Link to={path("candidates", "new")}>Put in the first one</Link>, then invite them.
          </p>
        }
        row={(candidate) => (
          <tr key={candidate.id}>
            <th scope="row">
              <Link to={path("candidates", candidate.id)}>{candidate.name}</Link>
            </th>
            <td>{candidate.email}</td>
          </tr>
        )}
      />
    </>
  );
}

export function CandidatePage({ api, id }: { api: DeskApi; id: string | null }) {
  const ask = useCallback(() => (id === null ? Promise.resolve(null) : api.candidate(id)), [api, id]);
  const of = useAsked(ask);
  return <Shown of={of}>{(candidate) => <CandidateForm api={api} candidate={candidate} />}</Shown>;
}

function CandidateForm({ api, candidate }: { api: DeskApi; candidate: Candidate | null }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const [draft, setDraft] = useState<CandidateDraft>({ name: candidate?.name ?? "", email: candidate?.email ?? "" });
  const [isKept, setKept] = useState(false);
  const { isBusy, error, run } = useDoing();
  const once = useOnceKey();
  useTitle(candidate?.name ?? "New candidate");
  const change = (part: Partial<CandidateDraft>) => {
    setKept(false);
    once.used();
    setDraft({ ...draft, ...part });
  };
  const save = async () => {
    const wanted = { name: draft.name.trim(), email: draft.email.trim() };
    if (candidate !== null) {
      await api.changeCandidate(candidate.id, wanted);
      setKept(true);
      return;
    }
    const made = await api.makeCandidate(wanted, once.key());
    go(`${path("invitations", "new")}?candidate=${encodeURIComponent(made.id)}`);
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
        {candidate?.name ?? "New candidate"}
      </h1>
      <Field label="Name" hint="The interviewer greets them by the first word of it." wrong={wrongOf(error, "/name")}>
        {(given) => <input {...given} className="field" required maxLength={200} autoComplete="off" value={draft.name} onChange={(event) => change({ name: event.target.value })} />}
      </Field>
      <Field label="E-mail address" hint="Where invitations go." wrong={wrongOf(error, "/email")}>
        {(given) => (
          <input {...given} className="field" type="email" required autoComplete="off" value={draft.email} onChange={(event) => change({ email: event.target.value })} />
        )}
      </Field>
      {error !== null && <Failed error={error} />}
      <div className="choices">
        <button type="submit" className="button button-main" disabled={isBusy || draft.name.trim() === "" || draft.email.trim() === ""}>
          {isBusy ? "Saving…" : candidate === null ? "Save and invite" : "Save"}
        </button>
        {candidate !== null && (
          <Link to={`${path("invitations", "new")}?candidate=${encodeURIComponent(candidate.id)}`} className="button">
            Invite
          </Link>
        )}
        <p className="note" role="status">
          {isKept ? "Saved." : ""}
        </p>
      </div>
    </form>
  );
}
