/** The server's voices as a person reads them: by language, under names of people. */
import type { Schemas } from "../api/client";

export type OfferedVoice = Schemas["OfferedVoice"];

export interface VoiceGroup {
  /** A tag of BCP 47; `null` where the server doesn't know it. */
  language: string | null;
  /** The language's name; empty where it isn't known. */
  label: string;
  voices: { value: string; name: string }[];
}

/** How models name their voices: Kokoro's `af_heart`, piper's `en_US-joe-medium`. */
const NAMES = [/^[a-z]([fm])_(.+)$/, /^[a-z]{2,3}_[A-Z]{2}()-([^-]+)-\w+$/];
const WHOSE: Record<string, string> = { f: ", a woman", m: ", a man" };

/** "Heart, a woman" of `af_heart`; a name of another kind as it is. */
export function readableName(name: string): string {
  for (const pattern of NAMES) {
    const [, whose = "", own] = pattern.exec(name) ?? [];
    if (own) return own.charAt(0).toUpperCase() + own.slice(1).replaceAll("_", " ") + (WHOSE[whose] ?? "");
  }
  return name;
}

/** The default voice's language first, then as they come; the default voice's value is empty, so that it may change. */
export function grouped(voices: OfferedVoice[], locale: string): VoiceGroup[] {
  const names = new Intl.DisplayNames(locale, { type: "language" });
  const groups = new Map<string | null, VoiceGroup>();
  voices.forEach(({ name, language }, at) => {
    const key = language ?? null;
    const group = groups.get(key) ?? { language: key, label: key ? nameOf(names, key) : "", voices: [] };
    group.voices.push({ value: at === 0 ? "" : name, name: readableName(name) });
    groups.set(key, group);
  });
  return [...groups.values()];
}

function nameOf(names: Intl.DisplayNames, tag: string): string {
  try {
    return names.of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Of the languages that Rose's local voices speak. */
const SAMPLES: Record<string, string> = {
  en: "Good evening. I am Rose, and this is how I sound.",
  es: "Buenas noches. Soy Rose, y así es como sueno.",
  fr: "Bonsoir. Je suis Rose, et voici ma voix.",
  hi: "नमस्ते। मैं रोज़ हूँ, और मेरी आवाज़ ऐसी है।",
  it: "Buonasera. Sono Rose, e questa è la mia voce.",
  pt: "Boa noite. Eu sou Rose, e esta é a minha voz.",
  de: "Guten Abend. Ich bin Rose, und so klinge ich.",
};
const ENGLISH = "Good evening. I am Rose, and this is how I sound.";

/** What a voice says to be judged by, in its own language. */
export function sample(language: string | null | undefined): string {
  const [code = "en"] = (language ?? "en").split("-");
  return SAMPLES[code] ?? ENGLISH;
}
