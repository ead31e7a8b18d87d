import { useSyncExternalStore } from "react";
import { Check } from "./pages/Check.js";
import { Closing } from "./pages/Closing.js";
import { Declined, Invitation } from "./pages/Invitation.js";
import { Opening } from "./pages/Opening.js";
import { Problem } from "./pages/Problem.js";
import { Return } from "./pages/Return.js";
import { Talk } from "./pages/Talk.js";
import type { CandidateWay } from "./way.js";

/** The page for the step that the candidate is at. */
export function Candidate({ way }: { way: CandidateWay }) {
  const at = useSyncExternalStore(way.subscribe, way.current);
  switch (at.is) {
    case "opening":
      return <Opening />;
    case "invitation":
      return <Invitation visit={at.visit} onBegin={() => way.begin()} onDecline={() => way.decline()} />;
    case "declined":
      return <Declined visit={at.visit} onBegin={() => void way.begin()} />;
    case "check":
      return <Check visit={at.visit} onJoin={(microphone) => way.join(microphone)} />;
    case "return":
      return <Return visit={at.visit} onJoin={(microphone) => way.join(microphone)} />;
    case "talk":
      return <Talk visit={at.visit} interview={at.interview} />;
    case "closing":
      return <Closing visit={at.visit} ended={at.ended} />;
    case "problem":
      return <Problem error={at.error} onAgain={at.again} />;
    default:
      return never(at);
  }
}

function never(value: never): never {
  throw new Error(`undecided: ${JSON.stringify(value)}`);
}
