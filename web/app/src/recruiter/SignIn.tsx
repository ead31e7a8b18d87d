import { ApiError } from "@vivavoce/sdk";
import { useEffect, useState } from "react";
import { useHeadingFocus, useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";
import type { Account } from "./account.js";
import { Failed, Field, useDoing, wrongOf } from "./parts.js";

/** An address, and then a letter. */
export function SignIn({ account, asked }: { account: Account; asked: string | null }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const [email, setEmail] = useState("");
  const { isBusy, error, run } = useDoing();
  useTitle("Sign in");
  if (asked !== null) return <Asked email={asked} onAgain={() => run(() => account.ask(asked))} isBusy={isBusy} error={error} />;
  return (
    <Frame where="Sign in">
      <form
        className="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          run(() => account.ask(email.trim()));
        }}
      >
        <h1 ref={heading} tabIndex={-1}>
          Sign in
        </h1>
        <p className="lead">For those who invite. We send a link to your address; there is no password.</p>
        <Field label="Your e-mail address" wrong={wrongOf(error, "/email")}>
          {(given) => (
            <input {...given} className="field" type="email" autoComplete="email" required value={email} onChange={(event) => setEmail(event.target.value)} />
          )}
        </Field>
        {error !== null && wrongOf(error, "/email") === null && <Failed error={error} />}
        <div className="choices">
          <button type="submit" className="button button-main" disabled={isBusy || email.trim() === ""}>
            {isBusy ? "Sending…" : "Send me a link"}
          </button>
        </div>
        <p className="note">You were invited to an interview? Then there is nothing to sign in to: open the link in your invitation.</p>
      </form>
    </Frame>
  );
}

function Asked({ email, onAgain, isBusy, error }: { email: string; onAgain: () => void; isBusy: boolean; error: unknown }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  useTitle("Look into your letters");
  return (
    <Frame where="Sign in">
      <div className="stack">
        <h1 ref={heading} tabIndex={-1}>
          Look into your letters
        </h1>
        <p className="lead">If {email} may sign in here, a link is on its way to it. Open it in this browser, within 15 minutes.</p>
        <p>You can close this page.</p>
        {error !== null && <Failed error={error} />}
        <div className="choices">
          <button type="button" className="button" disabled={isBusy} onClick={onAgain}>
            {isBusy ? "Sending…" : "Send another link"}
          </button>
          <a className="button button-plain" href="/recruiter">
            Another address
          </a>
        </div>
      </div>
    </Frame>
  );
}

/** The page of the link in a letter. Whatever only looks at links redeems nothing here: that takes this browser's own key. */
export function Redeem({ account, token, onIn }: { account: Account; token: string; onIn: () => void }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  const { error, run } = useDoing();
  useTitle("Signing in");
  useEffect(() => {
    run(async () => {
      await account.redeem(token);
      onIn();
    });
  }, [account, token, onIn, run]);
  const isGone = error instanceof ApiError && error.status === 410;
  return (
    <Frame where="Sign in">
      <div className="stack">
        <h1 ref={heading} tabIndex={-1}>
          {error === null ? "Signing in" : isGone ? "This link does not open anything here" : "That did not work"}
        </h1>
        {error === null && (
          <p className="lead" role="status">
            One moment.
          </p>
        )}
        {isGone && <p className="lead">It is good once, for 15 minutes, and in the browser in which you asked for it.</p>}
        {error !== null && !isGone && <Failed error={error} onAgain={() => location.reload()} />}
        {error !== null && (
          <div className="choices">
            <a className="button button-main" href="/recruiter">
              Ask for another link
            </a>
          </div>
        )}
      </div>
    </Frame>
  );
}
