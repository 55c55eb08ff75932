import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Message } from "../api/client";
import { Conversation } from "./conversation";

const HERE = "01a2079a-0000-7017-9239-3b04cdf140ce";
const THERE = "01a2079a-1111-7017-9239-3b04cdf140ce";
const TURN = "01a2079a-2222-7017-9239-3b04cdf140ce";
const NEXT_TURN = "01a2079a-3333-7017-9239-3b04cdf140ce";
const PICTURE = { data: "data:image/png;base64,AAAA", picture: { src: "data:image/png;base64,AAAA", alt: "a boat" } };

type Answer = () => Response | Promise<Response>;

/** What the server does, by the path's beginning; the rest can't be reached. */
let server: Record<string, Answer>;
let asked: { path: string; body: unknown }[];

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const refused = (code: string, status: number) => json({ error: { code, message: `It is ${code}.`, request_id: "r" } }, status);
const message = (role: Message["role"], text: string, turn_id = TURN): Message => ({ role, text, turn_id, images: [], interrupted: false, timestamp: "2026-01-01T00:00:00Z" });
const history = (...messages: Message[]) => () => json({ session: { id: HERE, title: null, created_at: "", last_active_at: "" }, messages });
const stream = (...events: object[]) => () =>
  new Response(events.map((event) => `event: x\ndata: ${JSON.stringify(event)}\n\n`).join(""), { headers: { "content-type": "text/event-stream" } });
const reply = (turn_id: string) => stream({ type: "transcript", turn_id, text: "", last: true }, { type: "text_delta", text: "Yes." }, { type: "done", turn_id, text: "Yes.", interrupted: false, duration_ms: 1, stages: [], usage: [] });

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
  asked = [];
  server = {
    "/api/health": () => json({ status: "ready" }),
    "/api/capabilities": () => json({ voices: [{ name: "joe", language: "en-US" }], speed: 1, languages: ["en"], sees_pictures: true, makes_pictures: true, hands_free: true }),
    "/api/session/start": () => json({ session_id: HERE }),
  };
  vi.stubGlobal("fetch", async (input: string | Request, init?: RequestInit) => {
    const path = typeof input === "string" ? input : new URL(input.url).pathname;
    const body = init?.body ?? (typeof input === "string" ? null : await input.text());
    asked.push({ path, body: typeof body === "string" && body ? (JSON.parse(body) as unknown) : body });
    const known = Object.keys(server).find((one) => path.startsWith(one));
    if (!known) throw new TypeError("failed to fetch");
    init?.signal?.throwIfAborted();
    return server[known]?.();
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const texts = (one: Conversation) => one.snapshot().entries.map(({ text }) => text);
const bodies = (path: string) => asked.filter((one) => one.path === path).map(({ body }) => body);

it("sends a message again by its turn where the server has it, without its pictures", async () => {
  server["/api/chat"] = () => refused("busy", 503);
  server[`/api/sessions/${HERE}`] = history({ ...message("user", "What is it?"), images: ["blob"] });
  const one = new Conversation();
  await one.send("What is it?", [PICTURE]);
  const [mine] = one.snapshot().entries;
  expect(mine?.failure).toBe("It is busy.");

  server["/api/chat"] = reply(NEXT_TURN);
  await one.retry(mine?.key ?? "");
  expect(bodies("/api/chat")[1]).toEqual({ session_id: HERE, retry_of: TURN, speak: null, voice: "joe", speed: 1 });
  expect(texts(one)).toEqual(["What is it?", "Yes."]);
  expect(one.snapshot().entries.map(({ turnId, failure }) => [turnId, failure])).toEqual([
    [NEXT_TURN, undefined],
    [NEXT_TURN, undefined],
  ]);
});

it("sends a message that the server never got as it was, with its pictures", async () => {
  server[`/api/sessions/${HERE}`] = history();
  const one = new Conversation();
  server["/api/chat"] = () => refused("starting", 503);
  await one.send("What is it?", [PICTURE]);
  server["/api/chat"] = reply(TURN);
  await one.retry(one.snapshot().entries[0]?.key ?? "");
  expect(bodies("/api/chat")[1]).toMatchObject({ message: "What is it?", images: [PICTURE.data] });
  expect(texts(one)).toEqual(["What is it?", "Yes."]);
});

it("takes another answer in the place of the newest", async () => {
  const one = new Conversation();
  server["/api/chat"] = reply(TURN);
  await one.send("Hello");
  server["/api/chat"] = reply(NEXT_TURN);
  await one.answerAgain(one.snapshot().entries[1]?.key ?? "");
  expect(bodies("/api/chat")[1]).toMatchObject({ retry_of: TURN });
  expect(one.snapshot().entries.map(({ text, turnId }) => [text, turnId])).toEqual([
    ["Hello", NEXT_TURN],
    ["Yes.", NEXT_TURN],
  ]);
});

it("comes back to the conversation that is open by then", async () => {
  const one = new Conversation();
  server[`/api/sessions/${THERE}`] = history(message("user", "There"), message("assistant", "Yes."));
  await one.send("Here");
  expect(one.snapshot().reachable).toBe(false);
  await one.open(THERE);
  server[`/api/sessions/${HERE}`] = history(message("user", "Here"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(texts(one)).toEqual(["There", "Yes."]);
  expect(one.snapshot()).toMatchObject({ reachable: true, sessionId: THERE });
});

it("puts nothing of the last conversation into a fresh one", async () => {
  const one = new Conversation();
  await one.send("Here");
  let answer: (response: Response) => void = () => {};
  server[`/api/sessions/${HERE}`] = () => new Promise((resolve) => (answer = resolve));
  await vi.advanceTimersByTimeAsync(600);
  expect(asked.at(-1)?.path).toBe(`/api/sessions/${HERE}`);
  one.fresh();
  answer(history(message("user", "Here"))());
  await vi.advanceTimersByTimeAsync(10_000);
  expect(one.snapshot()).toMatchObject({ entries: [], reachable: true, sessionId: null });
});

it("says so where the conversation is gone, and begins a new one", async () => {
  const one = new Conversation();
  await one.send("Here");
  server[`/api/sessions/${HERE}`] = () => refused("not_found", 404);
  await vi.advanceTimersByTimeAsync(600);
  expect(one.snapshot()).toMatchObject({ reachable: true, sessionId: null });
  expect(one.snapshot().notice).toMatch(/no longer has this conversation/);
  expect(texts(one)).toEqual(["Here"]);
});

it("goes on asking where the server goes away again", async () => {
  const one = new Conversation();
  await one.send("Here");
  await vi.advanceTimersByTimeAsync(600);
  expect(one.snapshot().reachable).toBe(false);
  server[`/api/sessions/${HERE}`] = history(message("user", "Here"), message("assistant", "Yes."));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(texts(one)).toEqual(["Here", "Yes."]);
  expect(one.snapshot().reachable).toBe(true);
});

it("keeps a message that was stopped before its answer, to be sent again", async () => {
  const one = new Conversation();
  server["/api/chat"] = () => new Promise((_, reject) => setTimeout(() => reject(new DOMException("", "AbortError")), 100));
  const sending = one.send("Here");
  await vi.advanceTimersByTimeAsync(10);
  one.stop();
  await vi.advanceTimersByTimeAsync(200);
  await sending;
  expect(one.snapshot().entries.map(({ text, failure }) => [text, failure])).toEqual([["Here", "Stopped before she answered."]]);
  expect(one.snapshot().phase).toBe("resting");
});

it("asks for a reply of the history in the chosen voice, and says why it can’t be heard", async () => {
  const one = new Conversation();
  server[`/api/sessions/${HERE}/turns`] = () => refused("busy", 503);
  server[`/api/sessions/${HERE}`] = history(message("user", "Here"), message("assistant", "Yes."));
  vi.stubGlobal("AudioContext", class {
    state = "running";
    destination = {};
    createAnalyser = () => ({ connect: () => ({}) });
    createGain = () => ({ connect: (to: unknown) => to });
  });
  await one.open(HERE);
  await one.replay(one.snapshot().entries[1]?.key ?? "");
  expect(asked.at(-1)?.path).toBe(`/api/sessions/${HERE}/turns/${TURN}/audio?voice=joe&speed=1`);
  expect(one.snapshot()).toMatchObject({ notice: "It is busy.", phase: "resting" });
});
