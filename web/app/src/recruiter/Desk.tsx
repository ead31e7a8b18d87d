/** The recruiter's pages: who is signed in, what there is, and the page of the address. */

import { Http } from "@vivavoce/sdk";
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { NotFound } from "../pages/Home.js";
import { Opening } from "../pages/Opening.js";
import { Frame } from "../parts/Frame.js";
import type { Account, SignedIn } from "./account.js";
import { CandidatePage, Candidates } from "./Candidates.js";
import { DeskApi } from "./desk-api.js";
import { InterviewPage } from "./Interview.js";
import { Interviews } from "./Interviews.js";
import { Invitations } from "./Invitations.js";
import { Invite } from "./Invite.js";
import { Failed, Link } from "./parts.js";
import { path, placeOf, usePath } from "./place.js";
import type { Place } from "./place.js";
import { PositionPage } from "./PositionForm.js";
import { Positions } from "./Positions.js";
import { SignIn } from "./SignIn.js";

export function Desk({ account }: { account: Account }) {
  const state = useSyncExternalStore(account.subscribe, account.current);
  const [failed, setFailed] = useState<unknown>(null);
  const open = useCallback(() => void account.open().catch(setFailed), [account]);
  useEffect(open, [open]);
  switch (state.is) {
    case "opening":
      return failed === null ? (
        <Opening />
      ) : (
        <Frame where="Sign in">
          <Failed
            error={failed}
            onAgain={() => {
              setFailed(null);
              open();
            }}
          />
        </Frame>
      );
    case "out":
      return <SignIn account={account} asked={null} />;
    case "asked":
      return <SignIn account={account} asked={state.email} />;
    case "in":
      // Another tenant is another desk: nothing of the one before may stand on it.
      return <Signed key={state.who.tenantId} account={account} who={state.who} />;
  }
}

function Signed({ account, who }: { account: Account; who: SignedIn }) {
  const [api] = useState(() => new DeskApi(new Http(), () => account.bearer()));
  const address = usePath();
  const place = placeOf(address);
  const company = who.tenants.find(({ id }) => id === who.tenantId)?.name ?? "";
  if (place.at === "nowhere") return <NotFound />;
  return (
    <>
      <header className="desk-head">
        <p className="who">{company}</p>
        <nav aria-label="Pages">
          <Tab to={path()} is={place.at === "interviews" || place.at === "interview"}>
            Interviews
          </Tab>
          <Tab to={path("invitations")} is={place.at === "invitations" || place.at === "invite"}>
            Invitations
          </Tab>
          <Tab to={path("candidates")} is={place.at === "candidates" || place.at === "candidate"}>
            Candidates
          </Tab>
          <Tab to={path("positions")} is={place.at === "positions" || place.at === "position"}>
            Positions
          </Tab>
        </nav>
        <div className="desk-self">
          {who.tenants.length > 1 && (
            <select aria-label="Company" className="field" value={who.tenantId} onChange={(event) => void account.turnTo(event.target.value)}>
              {who.tenants.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
          <button type="button" className="button button-plain" onClick={() => void account.signOut().catch(() => undefined)}>
            Sign out
          </button>
        </div>
      </header>
      <main className="desk" key={address}>
        <Page api={api} place={place} />
      </main>
    </>
  );
}

function Tab({ to, is, children }: { to: string; is: boolean; children: string }) {
  return (
    <Link to={to} current={is}>
      {children}
    </Link>
  );
}

function Page({ api, place }: { api: DeskApi; place: Exclude<Place, { at: "nowhere" }> }) {
  switch (place.at) {
    case "interviews":
      return <Interviews api={api} />;
    case "interview":
      return <InterviewPage api={api} id={place.id} />;
    case "positions":
      return <Positions api={api} />;
    case "position":
      return <PositionPage api={api} id={place.id} />;
    case "candidates":
      return <Candidates api={api} />;
    case "candidate":
      return <CandidatePage api={api} id={place.id} />;
    case "invitations":
      return <Invitations api={api} />;
    case "invite":
      return <Invite api={api} candidateId={new URLSearchParams(location.search).get("candidate")} />;
  }
}
