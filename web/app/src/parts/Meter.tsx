import { useEffect, useState } from "react";
import { watchLevel } from "../audio/level.js";

const BARS = 16;

/** A row of bars that fills with the voice. What it shows is also said in words beside it. */
export function Meter({ stream, onHeard }: { stream: MediaStream; onHeard: () => void }) {
  const [bars, setBars] = useState(0);
  useEffect(() => {
    let loud = 0;
    return watchLevel(stream, (level) => {
      setBars(Math.round(level * BARS));
      // A tenth of a second above a murmur: a voice, not a knock on the table.
      loud = level > 0.35 ? loud + 1 : Math.max(0, loud - 1);
      if (loud > 6) onHeard();
    });
  }, [stream, onHeard]);
  return (
    <div className="meter" role="img" aria-label="Level of your microphone">
      {Array.from({ length: BARS }, (_, index) => (
        <i key={index} data-on={index < bars} />
      ))}
    </div>
  );
}
