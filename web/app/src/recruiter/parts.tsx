/** What the recruiter's pages are made of: links, lists that load, fields that say what is wrong with them, a form that waits. */

import { ApiError } from "@vivavoce/sdk";
import { useCallback, useEffect, useId, useRef, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import type { Paged } from "./desk-api.js";
import { go } from "./place.js";
import { failureWords } from "./words.js";

export function Link({ to, children, current, className }: { to: string; children: ReactNode; current?: boolean; className?: string }) {
  return (
    <a
      href={to}
      {...(className !== undefined ? { className } : {})}
      {...(current === true ? { "aria-current": "page" as const } : {})}
      onClick={(event) => {
        // With a key held down it is the browser's: another tab, another window.
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

/** Something that is asked for: not there yet, there, or why not. */
export type Asked<T> = { readonly is: "loading" } | { readonly is: "there"; readonly value: T } | { readonly is: "failed"; readonly error: unknown };

/**
 * Asks once, and again by `again`. `ask` is to be the same function as long as it asks for the same. `everyMs`: what is there is asked
 * for anew so often while it is looked at; an asking that fails then changes nothing.
 */
export function useAsked<T>(ask: () => Promise<T>, everyMs: number | null = null): { readonly asked: Asked<T>; readonly again: () => void } {
  const [round, setRound] = useState(0);
  const [asked, setAsked] = useState<Asked<T>>({ is: "loading" });
  useEffect(() => {
    let isOver = false;
    ask().then(
      (value) => {
        if (!isOver) setAsked({ is: "there", value });
      },
      (error: unknown) => {
        if (!isOver) setAsked({ is: "failed", error });
      },
    );
    return () => {
      isOver = true;
    };
  }, [ask, round]);
  useEffect(() => {
    if (everyMs === null) return;
    let isOver = false;
    const id = setInterval(() => {
      if (document.visibilityState !== "visible") return;
      ask().then(
        (value) => {
          if (!isOver) setAsked((before) => (before.is === "there" ? { is: "there", value } : before));
        },
        () => undefined,
      );
    }, everyMs);
    return () => {
      isOver = true;
      clearInterval(id);
    };
  }, [ask, everyMs]);
  const again = useCallback(() => {
    setAsked({ is: "loading" });
    setRound((before) => before + 1);
  }, []);
  return { asked, again };
}

/** What is asked for, with a page for each state of the asking. */
export function Shown<T>({ of, children }: { of: { readonly asked: Asked<T>; readonly again: () => void }; children: (value: T) => ReactNode }) {
  switch (of.asked.is) {
    case "loading":
      return (
        <div aria-busy="true">
          <p className="unseen" role="status">
            Loading
          </p>
          <div className="held held-row" />
        </div>
      );
    case "failed":
      return <Failed error={of.asked.error} onAgain={of.again} />;
    case "there":
      return <>{children(of.asked.value)}</>;
  }
}

export function Failed({ error, onAgain }: { error: unknown; onAgain?: () => void }) {
  return (
    <div className="remedy" role="alert">
      <p>{failureWords(error)}</p>
      {onAgain !== undefined && (
        <p>
          <button type="button" className="button" onClick={onAgain}>
            Try again
          </button>
        </p>
      )}
    </div>
  );
}

/** A list a page at a time. `everyMs`: its first page is asked for anew so often. */
export function List<T>({
  ask,
  everyMs = null,
  empty,
  head,
  caption,
  row,
}: {
  ask: (after: string | null) => Promise<Paged<T>>;
  empty: ReactNode;
  caption: string;
  head: readonly string[];
  row: (item: T) => ReactElement;
  everyMs?: number | null;
}) {
  const first = useCallback(() => ask(null), [ask]);
  const of = useAsked(first, everyMs);
  return (
    <Shown of={of}>
      {(page) => (page.items.length === 0 ? <div className="empty">{empty}</div> : <Rows first={page} ask={ask} caption={caption} head={head} row={row} />)}
    </Shown>
  );
}

function Rows<T>({
  first,
  ask,
  caption,
  head,
  row,
}: {
  first: Paged<T>;
  ask: (after: string | null) => Promise<Paged<T>>;
  caption: string;
  head: readonly string[];
  row: (item: T) => ReactElement;
}) {
  const [more, setMore] = useState<readonly Paged<T>[]>([]);
  const { isBusy, error, run } = useDoing();
  const pages = [first, ...more];
  // Where something has come meanwhile, the pages overlap.
  const rows = new Map(pages.flatMap((page) => page.items.map(row)).map((shown) => [shown.key, shown]));
  const next = pages.at(-1)?.next ?? null;
  return (
    <>
      <table className="rows">
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {head.map((word) => (
              <th key={word} scope="col">
                {word}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{[...rows.values()]}</tbody>
      </table>
      {error !== null && <Failed error={error} />}
      {next !== null && (
        <p className="apart">
          <button type="button" className="button" disabled={isBusy} onClick={() => run(async () => setMore([...more, await ask(next)]))}>
            {isBusy ? "Loading…" : "Show more"}
          </button>
        </p>
      )}
    </>
  );
}

/** One thing that is being done at a time, and why it was not. */
export function useDoing(): { readonly isBusy: boolean; readonly error: unknown; readonly run: (what: () => Promise<void>) => void } {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const doing = useRef(false);
  const run = useCallback((what: () => Promise<void>) => {
    if (doing.current) return;
    doing.current = true;
    setBusy(true);
    setError(null);
    what()
      .catch((reason: unknown) => setError(reason))
      .finally(() => {
        doing.current = false;
        setBusy(false);
      });
  }, []);
  return { isBusy, error, run };
}

/** A key for what is made by a press of a button: pressed again after no answer, the same thing is made. */
export function useOnceKey(): { readonly key: () => string; readonly used: () => void } {
  const key = useRef<string | null>(null);
  return {
    key: () => (key.current ??= crypto.randomUUID()),
    used: () => {
      key.current = null;
    },
  };
}

/** What the server said of one field. */
export function wrongOf(error: unknown, pointer: string): string | null {
  if (!(error instanceof ApiError)) return null;
  return error.invalid.find((one) => one.pointer === pointer)?.detail ?? null;
}

export function Field({
  label,
  hint,
  wrong,
  children,
}: {
  label: string;
  hint?: string;
  wrong: string | null;
  children: (given: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}) {
  const id = useId();
  const [hintId, wrongId] = [`${id}-hint`, `${id}-wrong`];
  const told = [hint !== undefined ? hintId : null, wrong !== null ? wrongId : null].filter((one) => one !== null).join(" ");
  return (
    <div className="entry">
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <p className="note" id={hintId}>
          {hint}
        </p>
      )}
      {children({ id, ...(told !== "" ? { "aria-describedby": told } : {}), ...(wrong !== null ? { "aria-invalid": true as const } : {}) })}
      {wrong !== null && (
        <p className="wrong" id={wrongId}>
          This {wrong}.
        </p>
      )}
    </div>
  );
}
