/** Small habits of every page: its title, where focus goes, what time it is, a screen that stays awake. */

import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { Interview, InterviewState } from "@vivavoce/sdk";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** Focus on the heading of a page that has just come, so that a screen reader begins there. */
export function useHeadingFocus<T extends HTMLElement>(): React.RefObject<T | null> {
  const ref = useRef<T>(null);
  useEffect(() => {
    ref.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, []);
  return ref;
}

export function useInterview(interview: Interview): InterviewState {
  return useSyncExternalStore(interview.subscribe, interview.state);
}

const seen = new WeakMap<InterviewState, number>();

/** Steady time at which the page first saw the interview so: `useNow` is behind that by up to a tick. */
export function seenAt(state: InterviewState): number {
  const at = seen.get(state) ?? performance.now();
  seen.set(state, at);
  return at;
}

/** Steady and wall-clock time, renewed every `everyMs`. */
export function useNow(everyMs: number): { readonly steady: number; readonly epoch: number } {
  const [now, setNow] = useState(() => ({ steady: performance.now(), epoch: Date.now() }));
  useEffect(() => {
    const id = setInterval(() => setNow({ steady: performance.now(), epoch: Date.now() }), everyMs);
    return () => clearInterval(id);
  }, [everyMs]);
  return now;
}

/** A phone that locks its screen takes the microphone. */
export function useWakeLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    let over = false;
    const hold = () => {
      if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
      navigator.wakeLock.request("screen").then(
        (got) => {
          if (over) void got.release();
          else lock = got;
        },
        () => undefined, // Low battery, or a browser's policy: nothing to be done.
      );
    };
    hold();
    document.addEventListener("visibilitychange", hold);
    return () => {
      over = true;
      document.removeEventListener("visibilitychange", hold);
      void lock?.release();
    };
  }, []);
}
