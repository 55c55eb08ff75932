/** Whom to call, as a person reads and dials it. */
import type { Care, Country, Helpline } from "../api/me";

/** Where the server can't be asked. The same as its own for an unknown country. */
export const UNKNOWN: Care["unknown"] = { emergency: "112", name: "findahelpline.com" };

const PURPOSES: Record<string, string> = {
  self_harm: "Suicide and self-harm",
  overdose: "Overdose and poison",
  eating_disorder: "Eating disorders",
  violence: "Violence",
  child_at_risk: "Children at risk",
  medical: "Medical advice",
  young: "Young people",
};

/** As the server finds it: the country that was chosen, else the one that alone has this time zone. */
export function countryOf(countries: Country[], chosen: string | null | undefined, zone: string): Country | undefined {
  return countries.find(({ code }) => code === chosen) ?? countries.find(({ time_zones }) => time_zones?.includes(zone));
}

/** Lines for young people first where the person is one; else as they come, which is the order to offer them in. */
export function ordered(lines: Helpline[], minor: boolean): Helpline[] {
  const later = ({ purposes }: Helpline) => Number(minor && !purposes.includes("young"));
  return [...lines].sort((one, other) => later(one) - later(other));
}

/** Where a press on it leads: a number is dialled, an address is opened. */
export function addressOf(number: string): string {
  if (!/^[\d\s+\-()/.*#]+$/.test(number)) return /^https?:/.test(number) ? number : `https://${number}`;
  return `tel:${number.replace(/[^\d+*#]/g, "").replaceAll("#", "%23")}`;
}

/** "Suicide and self-harm, young people". */
export function purposesOf({ purposes }: Helpline): string {
  const names = purposes.map((purpose) => PURPOSES[purpose] ?? purpose.replaceAll("_", " "));
  return asSentence(names.map((name) => name.toLowerCase()).join(", "));
}

/** "The NSPCC" of "the NSPCC"; names that are written small stay so. */
export function asSentence(text: string): string {
  return text.replace(/^[a-z](?=[a-z]*([ ,]|$))/, (first) => first.toUpperCase());
}

/** For a list to choose from, by name; one that the server has no lines of is there too where it was chosen. */
export function countryOptions(countries: Country[], chosen: string | null, locale: string): { value: string; name: string }[] {
  const codes = countries.map(({ code }) => code);
  if (chosen && !codes.includes(chosen)) codes.push(chosen);
  const names = new Intl.DisplayNames(locale, { type: "region" });
  const options = codes.map((code) => ({ value: code, name: names.of(code) ?? code }));
  return options.sort((one, other) => one.name.localeCompare(other.name, locale));
}
