import { expect, it } from "vitest";

import type { Message } from "../api/client";
import { entry, reconciled } from "./entries";

const FIRST = "01a2079a-e5b3-7017-9239-3b04cdf140ce";
const SECOND = "01a2079a-f1c0-7c11-8b6e-5d1c90e1a2b3";

const message = (role: Message["role"], text: string, part: Partial<Message> = {}): Message => ({
  role,
  text,
  images: [],
  interrupted: false,
  timestamp: "2026-01-01T00:00:00Z",
  turn_id: FIRST,
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

it("tells two turns of the same words apart by their ids", () => {
  const sound = [new Blob(["first"])];
  const shown = [
    entry("user", { text: "Again", turnId: FIRST }),
    entry("rose", { text: "Yes.", turnId: FIRST, sound }),
    entry("user", { text: "Again", turnId: SECOND }),
    entry("rose", { text: "Yes.", turnId: SECOND }),
  ];
  const second = { turn_id: SECOND };
  const history = [message("user", "Again"), message("assistant", "Yes."), message("user", "Again", second), message("assistant", "Yes.", second)];
  const merged = reconciled(history, [...shown].reverse());
  expect(merged.map(({ key }) => key)).toEqual(shown.map(({ key }) => key));
  expect(merged[1]?.sound).toBe(sound);
  expect(merged[3]?.sound).toEqual([]);
});

it("gives what the server has the id by which it is answered again, and what it hasn't none", () => {
  const shown = [entry("user", { text: "One" }), entry("rose", { open: true })];
  expect(reconciled([message("user", "One")], shown)[0]?.turnId).toBe(FIRST);
  const lost = reconciled([message("user", "One"), message("assistant", "Yes.")], [...shown, entry("user", { text: "Two", pictures: [{ src: "data:,", alt: "a" }] })]);
  expect(lost[2]).toMatchObject({ text: "Two", turnId: undefined, pictures: [{ src: "data:,", alt: "a" }] });
});

it("keeps a recording that the server never heard", () => {
  const recording = new Blob(["speech"]);
  const merged = reconciled([], [entry("user", { recording })]);
  expect(merged[0]).toMatchObject({ recording, failure: expect.any(String) as string });
  const heard = reconciled([message("user", "One"), message("assistant", "Yes.")], [entry("user", { recording })]);
  expect(heard.map(({ text, recording }) => [text, recording])).toEqual([
    ["One", undefined],
    ["Yes.", undefined],
  ]);
});
