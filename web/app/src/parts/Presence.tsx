import { useEffect, useRef } from "react";
import type { Presence as Doing } from "@vivavoce/sdk";
import { watchLevel } from "../audio/level.js";

const WORD: Readonly<Record<Doing, string>> = {
  away: "Not here yet",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
};

/** Five bars, which stand at rest, lean in, or move with the voice. */
const REST = [0.24, 0.24, 0.24, 0.24, 0.24] as const;
const REACH = [0.55, 0.8, 1, 0.7, 0.45] as const;

/**
 * The interviewer, as one quiet shape: a ring while it listens, three points while it thinks, bars that move with its
 * voice while it speaks. The word beneath says the same. `known`: it has been here before.
 */
export function Presence({ doing, known, voice, aside }: { doing: Doing; known: boolean; voice: MediaStream | null; aside: string | null }) {
  const bars = useRef<SVGGElement>(null);
  useEffect(() => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const set = (level: number) => {
      bars.current?.childNodes.forEach((node, index) => {
        if (node instanceof SVGElement) {
          const height = (REST[index] ?? 0) + (REACH[index] ?? 0) * level * 0.76;
          node.style.transform = `scaleY(${height.toFixed(3)})`;
        }
      });
    };
    set(still ? 0.6 : 0);
    if (doing !== "speaking" || voice === null || still) return undefined;
    return watchLevel(voice, set);
  }, [doing, voice]);

  return (
    <section className="presence" aria-label="The interviewer">
      <svg viewBox="0 0 96 96" aria-hidden="true">
        <circle
          cx="48"
          cy="48"
          r="44"
          fill={doing === "speaking" ? "currentColor" : "none"}
          fillOpacity={doing === "speaking" ? 0.1 : 1}
          stroke="currentColor"
          strokeWidth={doing === "listening" ? 4 : 1.5}
          strokeDasharray={doing === "away" ? "3 7" : undefined}
        />
        {doing === "listening" && <circle cx="48" cy="48" r="9" fill="currentColor" />}
        {doing === "thinking" && (
          <g fill="currentColor">
            <circle cx="30" cy="48" r="4.5" />
            <circle cx="48" cy="48" r="4.5" />
            <circle cx="66" cy="48" r="4.5" />
          </g>
        )}
        {doing === "speaking" && (
          <g ref={bars} fill="currentColor">
            {[22, 34, 46, 58, 70].map((x) => (
              <rect key={x} className="shape-part" x={x - 1} y="22" width="6" height="52" rx="3" />
            ))}
          </g>
        )}
      </svg>
      <p className="word">
        <span className="unseen">The interviewer: </span>
        {doing === "away" && known ? "Away for a moment" : WORD[doing]}
      </p>
      <p className="aside">{aside}</p>
    </section>
  );
}
