import { type ReactNode, useRef } from "react";

interface Props {
  className: string;
  label: string;
  icon: ReactNode;
  words?: string;
  title: string;
  text: string;
  action: string;
  disabled?: boolean;
  onConfirm: () => void;
}

/** A button for what can't be undone: it asks first. */
export function Confirm({ className, label, icon, words, title, text, action, disabled, onConfirm }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button className={className} aria-label={label} disabled={disabled} onClick={() => dialog.current?.showModal()}>
        {icon}
        {words}
      </button>
      <dialog ref={dialog} className="confirm" aria-label={title}>
        <h2>{title}</h2>
        <p>{text}</p>
        <form method="dialog" className="row">
          <button className="button">Keep</button>
          <button className="button danger" onClick={onConfirm}>
            {action}
          </button>
        </form>
      </dialog>
    </>
  );
}
