/** What the person has chosen on this device; kept in the browser. */
import { useSyncExternalStore } from "react";

import { keep, kept } from "./kept";

export interface Settings {
  theme: "system" | "light" | "dark";
  captions: boolean;
  handsFree: boolean;
  /** Replies to written messages are spoken too. */
  speakReplies: boolean;
  /** As the server calls it; `null` is Rose's own. */
  voice: string | null;
  /** What the person speaks, by its ISO 639-1 code; `null` is as it is heard. */
  language: string | null;
  /** 1 is Rose's own pace. */
  rate: number;
  /** Less motion than the system asks for. */
  stillness: boolean;
  stages: boolean;
  /** The version of the first screen's text that was accepted. */
  accepted: string | null;
}

const KEY = "rose.settings";
const DEFAULTS: Settings = {
  theme: "system",
  captions: true,
  handsFree: false,
  speakReplies: false,
  voice: null,
  language: null,
  rate: 1,
  stillness: false,
  stages: false,
  accepted: null,
};

function read(): Settings {
  try {
    return { ...DEFAULTS, ...(JSON.parse(kept(KEY) ?? "{}") as Partial<Settings>) };
  } catch {
    return DEFAULTS;
  }
}

let current = read();
const listeners = new Set<() => void>();

export const settings = () => current;

export function change(part: Partial<Settings>): void {
  current = { ...current, ...part };
  keep(KEY, JSON.stringify(current));
  const root = document.documentElement;
  if (current.theme === "system") delete root.dataset.theme;
  else root.dataset.theme = current.theme;
  root.toggleAttribute("data-still", current.stillness);
  listeners.forEach((listener) => listener());
}

/** As before anything was chosen here. */
export function forgetSettings(): void {
  change(DEFAULTS);
  keep(KEY, null);
}

export function useSettings(): Settings {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, settings);
}

export const wantsStillness = () =>
  current.stillness || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
