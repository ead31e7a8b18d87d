/**
 * What has been said, as a list in the order of the conversation, not of arrival.
 *
 * Is: a pure reducer over caption frames. Isn't: the record; that is the relay's transcript.
 * Law: an item appears once; a final text is never replaced by a partial one; an item stands right after the one that
 * it names as previous as soon as both are known.
 */

import type { CaptionFrame, Speaker } from "./wire.js";

/** Oldest items leave beyond this: an hour's talk has a few hundred. */
export const CAPTIONS_MAX = 2_000;

export interface Caption {
  readonly itemId: string;
  readonly speaker: Speaker;
  readonly text: string;
  readonly final: boolean;
  /** RFC 3339; empty where the relay did not say. */
  readonly at: string;
  /** undefined: not told. */
  readonly previousItemId: string | null | undefined;
}

export type Captions = readonly Caption[];

export function applyCaption(captions: Captions, frame: Omit<CaptionFrame, "type">): Captions {
  const index = captions.findIndex((c) => c.itemId === frame.itemId);
  const known = captions[index];
  if (known?.final === true && !frame.final) return captions;
  const previousItemId = frame.previousItemId === undefined ? known?.previousItemId : frame.previousItemId;
  const caption: Caption = {
    itemId: frame.itemId,
    speaker: frame.speaker,
    text: frame.text,
    final: frame.final,
    at: known === undefined || known.at === "" ? frame.at : known.at,
    previousItemId,
  };
  if (known !== undefined && known.previousItemId === previousItemId) {
    return captions.map((c, i) => (i === index ? caption : c));
  }
  const others = captions.filter((c) => c.itemId !== frame.itemId);
  return insert(others, caption).slice(-CAPTIONS_MAX);
}

function insert(others: Captions, caption: Caption): Captions {
  const place = placeOf(others, caption);
  const list = [...others.slice(0, place), caption, ...others.slice(place)];
  // One that waited for this item stands where its time put it: bring it here, and with it what follows it.
  const followers = list.filter((c) => c.previousItemId === caption.itemId && c.itemId !== caption.itemId);
  return followers.reduceRight((sofar, follower) => moveAfter(sofar, caption.itemId, follower.itemId), list as Captions);
}

function placeOf(others: Captions, caption: Caption): number {
  if (caption.previousItemId === null) return 0;
  const previous = others.findIndex((c) => c.itemId === caption.previousItemId);
  if (previous >= 0) return previous + 1;
  if (caption.at === "") return others.length;
  let place = others.length;
  while (place > 0) {
    const before = others[place - 1];
    if (before === undefined || before.at === "" || before.at <= caption.at) break;
    place -= 1;
  }
  return place;
}

function moveAfter(list: Captions, previousId: string, id: string): Captions {
  const chain = chainFrom(list, id);
  if (chain.some((c) => c.itemId === previousId)) return list; // A circle: a relay's mistake, left as it is.
  const rest = list.filter((c) => !chain.includes(c));
  const previous = rest.findIndex((c) => c.itemId === previousId);
  return [...rest.slice(0, previous + 1), ...chain, ...rest.slice(previous + 1)];
}

/** The item and those that follow it by name, in order. */
function chainFrom(list: Captions, id: string): Caption[] {
  const chain: Caption[] = [];
  const seen = new Set<string>();
  let next = list.find((c) => c.itemId === id);
  while (next !== undefined && !seen.has(next.itemId)) {
    const current = next;
    seen.add(current.itemId);
    chain.push(current);
    next = list.find((c) => c.previousItemId === current.itemId);
  }
  return chain;
}
