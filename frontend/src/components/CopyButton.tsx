import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";

const SHOWN_MS = 2_000;

/** Copies a text, and says whether that was allowed: over plain http, browsers keep the clipboard shut. */
export function CopyButton({ label, text }: { label: string; text: string }) {
  const [outcome, setOutcome] = useState<"copied" | "refused" | null>(null);
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome("copied");
    } catch {
      setOutcome("refused");
    }
  };
  const Icon = outcome === "copied" ? Check : Copy;
  return (
    <>
      <button className="icon-button small" aria-label={label} onClick={() => void copy()}>
        <Icon size={16} aria-hidden="true" />
      </button>
      <span role="status">{outcome === "copied" ? "Copied" : outcome === "refused" ? "This browser doesn’t allow copying here" : ""}</span>
    </>
  );
}
