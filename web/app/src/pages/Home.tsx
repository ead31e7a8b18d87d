import { useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";

/** What this is, for whoever comes without an invitation. */
export function Home() {
  useTitle("Vivavoce: interviews by voice");
  return (
    <Frame>
      <div className="stack">
        <h1>Interviews by the living voice</h1>
        <p className="lead">
          Vivavoce holds a first interview by voice: an AI asks, a person answers in their own words, and a person reads what was said
          and decides.
        </p>
        <h2 className="section">You were invited</h2>
        <p>Open the link in your invitation email. It brings you straight to your interview; there is nothing to install.</p>
        <h2>You invite</h2>
        <p>
          <a href="/recruiter">Sign in</a> to write a position's questions, invite candidates and read their interviews. Programs do the same through{" "}
          <a href="/docs">the programming interface</a>.
        </p>
      </div>
    </Frame>
  );
}

export function NotFound() {
  useTitle("No such page");
  return (
    <Frame where="No such page">
      <div className="stack">
        <h1>There is no page here</h1>
        <p className="lead">If you were invited to an interview, open the link in your invitation email once more.</p>
        <p>
          <a href="/">What this is</a>
        </p>
      </div>
    </Frame>
  );
}
