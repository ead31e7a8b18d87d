import { openMicrophone } from "@vivavoce/sdk";
import { audioContext } from "../audio/context.js";
import { useHeadingFocus, useTitle } from "../hooks.js";
import { Frame } from "../parts/Frame.js";
import type { Visit } from "../tab.js";

/** After a reload in the middle of the talk, where the browser wants a press before it gives the microphone. */
export function Return({ visit, onJoin }: { visit: Visit; onJoin: (microphone: MediaStream | null) => void }) {
  const heading = useHeadingFocus<HTMLHeadingElement>();
  useTitle("Back to your interview");
  const go = async () => {
    audioContext();
    const answer = await openMicrophone(navigator.mediaDevices);
    onJoin(answer.is === "open" ? answer.stream : null);
  };
  return (
    <Frame who={visit.session.company.name} where="Your interview">
      <div className="stack">
        <h1 ref={heading} tabIndex={-1}>
          Your interview is still on
        </h1>
        <p className="lead">This page was loaded anew. What was said before is kept.</p>
        <div className="choices">
          <button type="button" className="button button-main" onClick={() => void go()}>
            Go on with it
          </button>
        </div>
      </div>
    </Frame>
  );
}
