import { useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";

/** While the invitation is being read: the place of what will come. */
export function Opening() {
  useTitle("Opening your invitation");
  return (
    <Frame where="Opening">
      <div aria-busy="true">
        <h1 className="unseen">Opening your invitation</h1>
        <p className="from held" />
        <div className="held held-title" />
        <div className="terms">
          {[0, 1, 2, 3].map((row) => (
            <div key={row} className="held-row" />
          ))}
        </div>
      </div>
      <p className="unseen" role="status">
        Opening your invitation
      </p>
    </Frame>
  );
}
