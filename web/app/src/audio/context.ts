/** One AudioContext for the page: browsers allow few, and each wants a press before it sounds. */
let context: AudioContext | null = null;

/** Call it from a press the first time. Null: this browser has none. */
export function audioContext(): AudioContext | null {
  if (typeof AudioContext === "undefined") return null;
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume().catch(() => undefined);
  return context;
}
