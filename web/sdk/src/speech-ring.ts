/**
 * What the microphone said and the relay has not acknowledged: encoded, in the order it was spoken, bounded.
 *
 * Is: a store by RTP stream and time, pure. Isn't: a place where frames come from (`tap.ts`) or go to (`keeper.ts`).
 * Law: bounded in time and in bytes; when full the oldest goes, and is counted as lost; what was acknowledged is forgotten.
 * Times are RTP timestamps (48 kHz) made whole: their lower 32 bits are the wire's.
 */

/** An outage of two minutes, and what is on its way. */
export const KEPT_MS_MAX = 130_000;
/** Speech at 64 kbit/s for as long, twice over. */
export const KEPT_BYTES_MAX = 2 * 1024 * 1024;
/** Each peer connection has a stream of its own. */
export const STREAMS_MAX = 8;

const TICKS_A_MS = 48;
const WRAP = 2 ** 32;

export interface Packet {
  readonly time: number;
  readonly ticks: number;
  readonly opus: Uint8Array;
}

/** One stream, for whoever stores it. */
export interface StoredStream {
  readonly stream: number;
  readonly packets: readonly Packet[];
}

interface Stream {
  readonly packets: Packet[];
  /** Where the newest packet ever pushed ends. */
  end: number;
}

export class SpeechRing {
  readonly #streams = new Map<number, Stream>();
  #ticks = 0;
  #bytes = 0;
  #lostTicks = 0;

  /** Takes one packet as the encoder made it. False: it is no Opus, or not newer than what is there. */
  push(stream: number, timestamp: number, opus: Uint8Array): boolean {
    const ticks = opusTicks(opus);
    if (ticks === null) return false;
    let known = this.#streams.get(stream);
    if (known === undefined) {
      if (this.#streams.size >= STREAMS_MAX) this.#drop(this.#oldest());
      known = { packets: [], end: WRAP + timestamp };
      this.#streams.set(stream, known);
    }
    const time = whole(timestamp, known.end);
    if (time < known.end) return false;
    this.#add(known, { time, ticks, opus });
    return true;
  }

  /** The relay wants nothing more of what was before `upTo`. */
  acknowledge(stream: number, upTo: number): void {
    const known = this.#streams.get(stream);
    if (known === undefined) return;
    const until = whole(upTo, known.end);
    while (known.packets[0] !== undefined && known.packets[0].time < until) this.#shift(known);
    // An old stream, all of it there: nothing more will be asked of it. The newest goes on.
    if (known.packets.length === 0 && [...this.#streams.keys()].at(-1) !== stream) this.#streams.delete(stream);
  }

  /** What there is of a stream from one timestamp to another; null: to its end, and from its beginning. */
  between(stream: number, from: number | null, to: number | null): readonly Packet[] {
    const known = this.#streams.get(stream);
    if (known === undefined) return [];
    const [begin, end] = [from === null ? -Infinity : whole(from, known.end), to === null ? Infinity : whole(to, known.end)];
    return known.packets.filter(({ time }) => time >= begin && time < end);
  }

  /** Where a stream ends; null: it is not known. */
  endOf(stream: number): number | null {
    return this.#streams.get(stream)?.end ?? null;
  }

  get streams(): readonly number[] {
    return [...this.#streams.keys()];
  }

  /** Milliseconds of speech that are kept. */
  get ms(): number {
    return this.#ticks / TICKS_A_MS;
  }

  /** Milliseconds that had to go unacknowledged since there was no room. */
  get lostMs(): number {
    return this.#lostTicks / TICKS_A_MS;
  }

  /** Everything, to be stored. */
  stored(): readonly StoredStream[] {
    return [...this.#streams].filter(([, { packets }]) => packets.length > 0).map(([stream, { packets }]) => ({ stream, packets: [...packets] }));
  }

  /** What a page before this one had kept: older than all that is here. */
  restore(stored: readonly StoredStream[]): void {
    const here = [...this.#streams];
    this.#streams.clear();
    for (const { stream, packets } of stored) {
      const first = packets[0];
      if (first === undefined || here.some(([known]) => known === stream) || this.#streams.size >= STREAMS_MAX - 1) continue;
      const restored: Stream = { packets: [], end: first.time };
      this.#streams.set(stream, restored);
      for (const packet of packets) if (packet.time >= restored.end) this.#add(restored, packet);
    }
    for (const [stream, known] of here) this.#streams.set(stream, known);
  }

  clear(): void {
    this.#streams.clear();
    this.#ticks = this.#bytes = 0;
  }

  #add(stream: Stream, packet: Packet): void {
    stream.packets.push(packet);
    stream.end = packet.time + packet.ticks;
    this.#ticks += packet.ticks;
    this.#bytes += packet.opus.byteLength;
    while (this.ms > KEPT_MS_MAX || this.#bytes > KEPT_BYTES_MAX) {
      const oldest = [...this.#streams.values()].find(({ packets }) => packets.length > 0);
      if (oldest === undefined) return;
      this.#lostTicks += this.#shift(oldest);
    }
  }

  #shift(stream: Stream): number {
    const gone = stream.packets.shift();
    this.#ticks -= gone?.ticks ?? 0;
    this.#bytes -= gone?.opus.byteLength ?? 0;
    return gone?.ticks ?? 0;
  }

  #oldest(): number | undefined {
    return this.#streams.keys().next().value;
  }

  #drop(stream: number | undefined): void {
    const known = stream === undefined ? undefined : this.#streams.get(stream);
    if (stream === undefined || known === undefined) return;
    while (known.packets.length > 0) this.#lostTicks += this.#shift(known);
    this.#streams.delete(stream);
  }
}

/** The time nearest to `near` whose lower 32 bits are `timestamp`. */
export function whole(timestamp: number, near: number): number {
  return near + ((timestamp - near) | 0);
}

/** How long an Opus packet lasts, in samples at 48 kHz (RFC 6716, 3.1); null: it is none. */
export function opusTicks(opus: Uint8Array): number | null {
  const toc = opus[0];
  if (toc === undefined) return null;
  const config = toc >> 3;
  const frame = config < 12 ? ([480, 960, 1920, 2880] as const)[config & 3] : config < 16 ? ([480, 960] as const)[config & 1] : 120 << (config & 3);
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (opus[1] ?? 0) & 0x3f;
  const ticks = (frame ?? 0) * frames;
  return ticks > 0 && ticks <= 5_760 ? ticks : null;
}
