import { useEffect, useRef } from "react";
import type { ReactNode } from "react";

/** A question that blocks: the browser's own dialog, which holds focus and answers to Escape. */
export function Confirm({ title, yes, no, onYes, onNo, children }: { title: string; yes: string; no: string; onYes: () => void; onNo: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="confirm-title"
      onCancel={(event) => {
        event.preventDefault();
        onNo();
      }}
    >
      <h2 id="confirm-title">{title}</h2>
      {children}
      <div className="choices">
        <button type="button" className="button" onClick={onNo} autoFocus>
          {no}
        </button>
        <button type="button" className="button" onClick={onYes}>
          {yes}
        </button>
      </div>
    </dialog>
  );
}
