import { expect, test } from "vitest";

import type { Country, Helpline } from "../api/me";
import { addressOf, asSentence, countryOf, countryOptions, ordered, purposesOf } from "./helplines";

const line = (name: string, ...purposes: string[]): Helpline => ({ purposes, name, number: "116 123", hours: "day and night", languages: ["en"], source: "https://example.org/" });
const country = (code: string, name: string, ...time_zones: string[]): Country => ({ code, name, time_zones, emergency: "112", lines: [] });
const GB = country("GB", "the United Kingdom", "Europe/London", "Europe/Belfast");
const PT = country("PT", "Portugal", "Europe/Lisbon");

test("the chosen country counts, then the time zone's", () => {
  expect(countryOf([GB, PT], "PT", "Europe/London")).toBe(PT);
  expect(countryOf([GB, PT], null, "Europe/Belfast")).toBe(GB);
  expect(countryOf([GB, PT], "XK", "Europe/Lisbon")).toBe(PT);
  expect(countryOf([GB, PT], undefined, "Etc/UTC")).toBeUndefined();
});

test("a number is dialled, an address opened", () => {
  expect(addressOf("116 123")).toBe("tel:116123");
  expect(addressOf("1-800-799-7233")).toBe("tel:18007997233");
  expect(addressOf("+44 (0)20/7946.0000")).toBe("tel:+4402079460000");
  expect(addressOf("*4141")).toBe("tel:*4141");
  expect(addressOf("findahelpline.com")).toBe("https://findahelpline.com");
  expect(addressOf("https://findahelpline.com/")).toBe("https://findahelpline.com/");
});

test("lines for young people come first for them alone", () => {
  const lines = [line("Samaritans", "self_harm"), line("Childline", "young", "child_at_risk"), line("Refuge", "violence")];
  expect(ordered(lines, false)).toEqual(lines);
  expect(ordered(lines, true).map(({ name }) => name)).toEqual(["Childline", "Samaritans", "Refuge"]);
});

test("names and purposes stand as sentences do", () => {
  expect(asSentence("the NSPCC, for adults")).toBe("The NSPCC, for adults");
  expect(asSentence("iCall")).toBe("iCall");
  expect(asSentence("Samaritans")).toBe("Samaritans");
  expect(purposesOf(line("any", "self_harm", "young"))).toBe("Suicide and self-harm, young people");
  expect(purposesOf(line("any", "new_purpose"))).toBe("New purpose");
});

test("countries are listed by name, and the chosen one is never missing", () => {
  expect(countryOptions([GB, PT], null, "en")).toEqual([
    { value: "PT", name: "Portugal" },
    { value: "GB", name: "United Kingdom" },
  ]);
  expect(countryOptions([PT], "GB", "en").map(({ value }) => value)).toEqual(["PT", "GB"]);
});
