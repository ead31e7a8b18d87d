/** The driver of the recruiter's pages. Apart from the candidate's, who is on a phone and needs none of it. */

import { Http } from "@vivavoce/sdk";
import type { ReactNode } from "react";
import { Account } from "./account.js";
import { Desk } from "./Desk.js";
import { Redeem } from "./SignIn.js";
import "../styles/desk.css";

export function desk(): ReactNode {
  return <Desk account={account()} />;
}

/** The page of a letter's link. What stands behind the # no server has seen, and none is to: it leaves the address at once. */
export function redeem(): ReactNode {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  history.replaceState(null, "", "/sign-in");
  return <Redeem account={account()} token={token} onIn={() => location.replace("/recruiter")} />;
}

function account(): Account {
  return new Account({ http: new Http(), shelf: browserShelf(), now: () => Date.now() });
}

function browserShelf(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
