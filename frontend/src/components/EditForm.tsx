import type { ReactNode } from "react";

/** A draft that is saved or left: nothing empty is saved, and no more while a save is on its way. */
export function EditForm({ draft, saving, onSave, onLeave, children }: {
  draft: string;
  saving: boolean;
  onSave: (text: string) => void;
  onLeave: () => void;
  children: ReactNode;
}) {
  return (
    <form
      className="edit"
      onSubmit={(event) => {
        event.preventDefault();
        if (draft.trim()) onSave(draft.trim());
      }}
    >
      {children}
      <div className="row">
        <button className="button main" disabled={!draft.trim() || saving}>
          Save
        </button>
        <button type="button" className="button" onClick={onLeave}>
          Leave as it is
        </button>
      </div>
    </form>
  );
}
