import type { ReactNode } from "react";

/** One setting: what it is, and what it is set by. */
export function Row({ name, about, aboutId, children }: { name: string; about?: string; aboutId?: string; children: ReactNode }) {
  return (
    <div className="setting">
      <div className="what">
        <span>{name}</span>
        {about ? (
          <span id={aboutId} className="soft small">
            {about}
          </span>
        ) : null}
      </div>
      {children}
    </div>
  );
}
