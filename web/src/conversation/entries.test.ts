import { expect, it } from "vitest";

import type { Message } from "../api/client";
import { entry, reconciled } from "./entries";

const message = (role: Message["role"], text: string, part: Partial<Message> = {}): Message => ({
  role,
  text,
  images: [],
  interrupted: false,
  timestamp: "2026-01-01T00:00:00Z",
  turn_id: "01a2079a-e5b3-7017-9239-3b04cdf140ce",
  ...part,
});

it("keeps what only the page knew beside the server's history", () => {
  const sound = [new Blob(["x"])];
  const shown = [entry("user", { text: "Hello" }), entry("rose", { text: "Good evening.", sound })];
  const merged = reconciled([message("user", "Hello"), message("assistant", "Good evening.")], shown);
  expect(merged.map(({ text }) => text)).toEqual(["Hello", "Good evening."]);
  expect(merged[1]?.sound).toBe(sound);
  expect(merged[1]?.key).toBe(shown[1]?.key);
});

it("shows what was said before she went away, to be sent again", () => {
  const shown = [entry("user", { text: "One" }), entry("rose", { text: "Yes." }), entry("user", { text: "Two" }), entry("rose", { open: true })];
  const merged = reconciled([message("user", "One"), message("assistant", "Yes.")], shown);
  expect(merged.map(({ text }) => text)).toEqual(["One", "Yes.", "Two"]);
  expect(merged[2]?.failure).toBeTruthy();
});

it("shows a message that the server has and never answered, to be sent again", () => {
  const shown = [entry("user", { text: "One" }), entry("rose", { open: true })];
  for (const known of [shown, []]) {
    const merged = reconciled([message("user", "One")], known);
    expect(merged.map(({ text }) => text)).toEqual(["One"]);
    expect(merged[0]?.failure).toBeTruthy();
  }
});

it("takes a reply that was cut off from the server, once", () => {
  const shown = [entry("user", { text: "One" }), entry("rose", { text: "A lon" })];
  const merged = reconciled([message("user", "One"), message("assistant", "A long", { interrupted: true })], shown);
  expect(merged.map(({ text }) => text)).toEqual(["One", "A long"]);
  expect(merged[1]?.interrupted).toBe(true);
});

it("gives every picture its words", () => {
  const merged = reconciled([message("user", "Look", { images: ["a"] }), message("assistant", "A boat.", { images: ["b"] })], []);
  expect(merged.flatMap(({ pictures }) => pictures.map(({ alt }) => alt))).toEqual(["Picture 1 that you sent", "Picture that Rose made: A boat."]);
});
