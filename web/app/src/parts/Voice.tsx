import { useCallback, useEffect, useRef, useState } from "react";
import type { Interview } from "@vivavoce/sdk";

/** Plays the interviewer's voice, and offers a press where the browser wants one first. */
export function Voice({ interview, onStream }: { interview: Interview; onStream: (stream: MediaStream) => void }) {
  const element = useRef<HTMLAudioElement>(null);
  const [blocked, setBlocked] = useState(false);
  const play = useCallback(() => {
    element.current?.play().then(
      () => setBlocked(false),
      (error: unknown) => setBlocked(error instanceof DOMException && error.name === "NotAllowedError"),
    );
  }, []);
  useEffect(
    () =>
      interview.on("audio", (stream) => {
        onStream(stream);
        if (element.current === null) return;
        element.current.srcObject = stream;
        play();
      }),
    [interview, onStream, play],
  );
  return (
    <>
      <audio ref={element} autoPlay />
      {blocked && (
        <button type="button" className="button button-main" onClick={play}>
          Let me hear the interviewer
        </button>
      )}
    </>
  );
}
