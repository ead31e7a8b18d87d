import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Captions, PendingWords } from "@vivavoce/sdk";

/** What both have said, large, in two places with two marks. The newest stays in view unless one has scrolled away. */
export function Said({ captions, pending, language }: { captions: Captions; pending: readonly PendingWords[]; language: string | null }) {
  const box = useRef<HTMLElement>(null);
  const [following, setFollowing] = useState(true);
  useLayoutEffect(() => {
    if (following && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [captions, pending, following]);
  useEffect(() => {
    const element = box.current;
    if (element === null || !following) return undefined;
    // The footer grows when one types: what was last said must not slide beneath it.
    const watch = new ResizeObserver(() => {
      element.scrollTop = element.scrollHeight;
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [following]);
  const lang = language ?? undefined;
  const shown = captions.filter((caption) => caption.text.trim() !== "");

  return (
    <section
      className="said"
      ref={box}
      tabIndex={0}
      aria-label="What has been said"
      onScroll={({ currentTarget: at }) => setFollowing(at.scrollHeight - at.scrollTop - at.clientHeight < 48)}
    >
      <ol>
        {shown.length === 0 && pending.length === 0 && (
          <li className="said-empty">What the interviewer and you say will stand here, as it is said.</li>
        )}
        {shown.map((caption) => (
          <li key={caption.itemId} className="utterance" data-speaker={caption.speaker} data-final={caption.final}>
            <p className="voice">{caption.speaker === "ai" ? "Interviewer" : "You"}</p>
            <p className="words" lang={lang}>
              {caption.text}
            </p>
          </li>
        ))}
        {pending.map((words) => (
          <li key={words.id} className="utterance" data-speaker="candidate" data-final="true">
            <p className="voice">You, typed (on its way)</p>
            <p className="words">{words.text}</p>
          </li>
        ))}
      </ol>
      {!following && (
        <div className="to-latest">
          <button type="button" className="button" onClick={() => setFollowing(true)}>
            Show the latest
          </button>
        </div>
      )}
      <Spoken captions={captions} lang={lang} />
    </section>
  );
}

/** For screen readers: each utterance once, when it is whole, when the reader has a moment. */
function Spoken({ captions, lang }: { captions: Captions; lang: string | undefined }) {
  const last = captions.findLast((caption) => caption.final && caption.text.trim() !== "");
  const said = last === undefined ? "" : `${last.speaker === "ai" ? "Interviewer" : "You"}: ${last.text}`;
  return (
    <p className="unseen" aria-live="polite" lang={lang}>
      {said}
    </p>
  );
}
