import { useCallback } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { DeskApi } from "./desk-api.js";
import { useNames } from "./names.js";
import { Link, List } from "./parts.js";
import { path } from "./place.js";
import { at, interviewWords, length } from "./words.js";

/** How they stand is asked anew so often. */
const LIVE_MS = 4_000;

export function Interviews({ api }: { api: DeskApi }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const names = useNames(api);
  const ask = useCallback((after: string | null) => api.interviews(after), [api]);
  useTitle("Interviews");
  return (
    <>
      <div className="desk-title">
        <h1 ref={heading} tabIndex={-1}>
          Interviews
        </h1>
        <Link to={path("invitations", "new")} className="button button-next">
          Invite
        </Link>
      </div>
      <List
        ask={ask}
        everyMs={LIVE_MS}
        caption="Interviews, the newest first"
        head={["Candidate", "Position", "State", "Begun", "Length", "Said"]}
        empty={
          <p>
            No interview yet. It begins when somebody opens an invitation: <Link to={path("invitations", "new")}>invite a candidate</Link>.
          </p>
        }
        row={(row) => (
          <tr key={row.id}>
            <th scope="row">
              <Link to={path("interviews", row.id)}>{names.candidate(row.candidateId)}</Link>
            </th>
            <td>{names.position(row.positionId)}</td>
            <td>{interviewWords(row)}</td>
            <td data-label="Begun">{at(row.startedAt)}</td>
            <td data-label="Length">{length(row.startedAt, row.endedAt)}</td>
            <td data-label="Said">{row.entries}</td>
          </tr>
        )}
      />
    </>
  );
}
