import { X } from "lucide-react";
import { useEffect, useRef } from "react";

import type { Picture } from "../conversation/entries";

/** One picture, large. */
export function Lightbox({ picture, onClose }: { picture: Picture | null; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (picture) dialog.current?.showModal();
    else dialog.current?.close();
  }, [picture]);
  return (
    <dialog ref={dialog} className="lightbox" aria-label={picture?.alt ?? "Picture"} onClose={onClose}>
      <form method="dialog">
        <button className="icon-button" aria-label="Close">
          <X size={22} aria-hidden="true" />
        </button>
      </form>
      {picture ? (
        <figure>
          <img src={picture.src} alt={picture.alt} />
          <figcaption>{picture.alt}</figcaption>
        </figure>
      ) : null}
    </dialog>
  );
}
