import type { ReactNode } from "react";

/** The page's frame: who invites and for what, where one is on the way, what holds it. */
export function Frame({ who, where, children }: { who?: string; where?: string; children: ReactNode }) {
  return (
    <>
      <header className="frame-head">
        <p className="who">{who ?? "Vivavoce"}</p>
        {where !== undefined && <p className="where">{where}</p>}
      </header>
      <main className="frame-body">{children}</main>
      <footer className="frame-foot">
        <p>Held by Vivavoce</p>
        <p>The interviewer is an AI. A person decides.</p>
      </footer>
    </>
  );
}
