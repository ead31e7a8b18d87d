import type { ApiError } from "@vivavoce/sdk";
import { useHeadingFocus, useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";
import type { Visit } from "../tab.js";
import { problemWords } from "../words.js";
import type { ProblemWords } from "../words.js";

/** What happened, whether anything was lost, the next step, and a short code for support. */
export function Problem({ error, onAgain }: { error: Pick<ApiError, "status">; onAgain: (() => void) | null }) {
  return <Told words={problemWords(error)} onAgain={onAgain} />;
}

/** The relay will not have us on the socket. */
export function Refused({ visit, code, onAgain }: { visit: Visit; code: string; onAgain: () => void }) {
  switch (code) {
    case "unauthorized":
    case "notYours":
      return <Told words={problemWords({ status: 401 })} onAgain={null} visit={visit} />;
    case "gaveUp":
      return <Told words={problemWords({ status: 0 })} onAgain={onAgain} visit={visit} />;
    default:
      return <Told words={{ ...problemWords({ status: 500 }), code }} onAgain={onAgain} visit={visit} />;
  }
}

function Told({ words, onAgain, visit }: { words: ProblemWords; onAgain: (() => void) | null; visit?: Visit }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  useTitle(words.title);
  const who = visit?.session.company.name;
  return (
    <Frame {...(who !== undefined ? { who } : {})} where="Something is in the way">
      <div className="stack">
        <h1 ref={heading} tabIndex={-1}>
          {words.title}
        </h1>
        <p className="lead">{words.text}</p>
        <p>{words.next}</p>
        {words.again && onAgain !== null && (
          <div className="choices">
            <button type="button" className="button button-main" onClick={onAgain}>
              Try again
            </button>
          </div>
        )}
        <p className="note">Code for support: {words.code}</p>
      </div>
    </Frame>
  );
}
