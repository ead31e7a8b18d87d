import { useCallback, useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import type { DeskApi, Invitation, NewInvitation } from "./desk-api.js";
import { useNames } from "./names.js";
import type { Names } from "./names.js";
import { Failed, Link, List, useDoing, useOnceKey } from "./parts.js";
import { path } from "./place.js";
import { at, STANDING } from "./words.js";

export function Invitations({ api }: { api: DeskApi }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const names = useNames(api);
  const ask = useCallback((after: string | null) => api.invitations(after), [api]);
  useTitle("Invitations");
  return (
    <>
      <div className="desk-title">
        <h1 ref={heading} tabIndex={-1}>
          Invitations
        </h1>
        <Link to={path("invitations", "new")} className="button button-next">
          Invite
        </Link>
      </div>
      <List
        ask={ask}
        caption="Invitations, the newest first"
        head={["Candidate", "Position", "State", "Good until", "To do"]}
        empty={
          <p>
            Nobody is invited yet. <Link to={path("invitations", "new")}>Invite a candidate</Link> to a position.
          </p>
        }
        row={(invitation) => <Row key={invitation.id} api={api} given={invitation} names={names} />}
      />
    </>
  );
}

function Row({ api, given, names }: { api: DeskApi; given: Invitation; names: Names }) {
  const [invitation, setInvitation] = useState(given);
  const [sent, setSent] = useState<NewInvitation | null>(null);
  const { isBusy, error, run } = useDoing();
  const once = useOnceKey();
  const who = names.candidate(invitation.candidateId);
  const canChange = invitation.standing === "open" || invitation.standing === "expired";
  const resend = async () => {
    const made = await api.resend(invitation.id, once.key());
    once.used();
    setSent(made);
    setInvitation({ ...invitation, standing: "open", expiresAt: made.expiresAt });
  };
  return (
    <tr>
      <th scope="row">{who}</th>
      <td>{names.position(invitation.positionId)}</td>
      <td>{STANDING[invitation.standing]}</td>
      <td data-label="Good until">{canChange ? at(invitation.expiresAt) : ""}</td>
      <td>
        {canChange && (
          <div className="choices choices-tight">
            <button type="button" className="button button-plain" disabled={isBusy} aria-label={`Send again: ${who}`} onClick={() => run(resend)}>
              Send again
            </button>
            <button
              type="button"
              className="button button-plain"
              disabled={isBusy}
              aria-label={`Take back: ${who}`}
              onClick={() => run(async () => setInvitation(await api.revoke(invitation.id)))}
            >
              Take back
            </button>
          </div>
        )}
        <div role="status">{sent !== null && <Sent invitation={sent} />}</div>
        {error !== null && <Failed error={error} />}
      </td>
    </tr>
  );
}

/** A link that is told once, or that it is on its way. */
export function Sent({ invitation }: { invitation: NewInvitation }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <div className="remedy">
      <p>{invitation.mailed ? "A letter with the link is on its way." : "No letters are sent from here: pass this link on yourself. It is shown this once."}</p>
      <p className="link-told">
        <code>{invitation.url}</code>
      </p>
      <p>
        <button type="button" className="button" onClick={() => void navigator.clipboard.writeText(invitation.url).then(() => setCopied(true))}>
          {isCopied ? "Copied" : "Copy the link"}
        </button>
      </p>
    </div>
  );
}
