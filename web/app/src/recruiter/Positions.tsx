import { useCallback } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { DeskApi } from "./desk-api.js";
import { Link, List } from "./parts.js";
import { path } from "./place.js";

export function Positions({ api }: { api: DeskApi }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const ask = useCallback((after: string | null) => api.positions(after), [api]);
  useTitle("Positions");
  return (
    <>
      <div className="desk-title">
        <h1 ref={heading} tabIndex={-1}>
          Positions
        </h1>
        <Link to={path("positions", "new")} className="button button-next">
          New position
        </Link>
      </div>
      <List
        ask={ask}
        caption="Positions, the newest first"
        head={["Position", "Questions", "At most", "Language"]}
        empty={
          <p>
            There is none yet. A position is what you interview for: its questions, its language, its time. <Link to={path("positions", "new")}>Make the first one</Link>.
          </p>
        }
        row={(position) => (
          <tr key={position.id}>
            <th scope="row">
              <Link to={path("positions", position.id)}>{position.title}</Link>
            </th>
            <td data-label="Questions">{position.plan.length}</td>
            <td data-label="At most">{position.maxMinutes} min</td>
            <td>{position.language}</td>
          </tr>
        )}
      />
    </>
  );
}
