import { beforeEach, expect, it, vi } from "vitest";

import type { Player } from "../audio/player";
import { LiveTurns } from "./live";
import { ConversationState } from "./state";

const TURN = "01a2079a-e5b3-7017-9239-3b04cdf140ce";

const player = { busy: false, heardMs: 0, begin: vi.fn(), stop: vi.fn(), playSamples: vi.fn() };
const around = { settle: vi.fn(), interrupted: vi.fn(), unwanted: vi.fn(), lost: vi.fn() };
let state: ConversationState;
let live: LiveTurns;

beforeEach(() => {
  vi.clearAllMocks();
  state = new ConversationState(null);
  live = new LiveTurns(state, player as unknown as Player, around);
});

const shown = () => state.snapshot().entries.map(({ role, text, open, failure }) => ({ role, text, open, failed: failure !== undefined }));

it("gives both sides of a turn its id", () => {
  const on = live.handlers;
  on.transcript("Good evening.");
  on.responseStarted("r");
  on.words("Good evening to you.", "i");
  on.sound(Float32Array.of(0.1));
  on.responseDone("completed", TURN);
  expect(state.snapshot().entries.map(({ turnId }) => turnId)).toEqual([TURN, TURN]);
  expect(state.snapshot().entries[1]?.sound).toHaveLength(1);
});

it("leaves nothing open when the connection is lost in a reply", () => {
  const on = live.handlers;
  on.transcript("Tell me of the sea.");
  on.responseStarted("r");
  on.words("The sea is", "i");
  on.heard("And th");
  on.lost();
  expect(shown()).toEqual([
    { role: "user", text: "Tell me of the sea.", open: false, failed: false },
    { role: "rose", text: "The sea is", open: false, failed: false },
  ]);
  expect(around.lost).toHaveBeenCalledOnce();
});

it("offers to say again what was not answered when the connection was lost", () => {
  live.handlers.transcript("Tell me of the sea.");
  live.handlers.responseStarted("r");
  live.handlers.lost();
  expect(shown()).toEqual([{ role: "user", text: "Tell me of the sea.", open: false, failed: true }]);
});

it("keeps a recording whose words never came back", () => {
  const recording = new Blob(["speech"]);
  live.sent(recording);
  live.handlers.lost();
  expect(state.snapshot().entries[0]).toMatchObject({ recording, open: false });
  expect(live.busy).toBe(false);
});

it("stops a reply that was given up before it began", () => {
  live.sent(new Blob(["speech"]));
  live.stop();
  expect(live.busy).toBe(false);
  live.handlers.responseStarted("r");
  live.handlers.sound(Float32Array.of(0.1));
  expect(around.unwanted).toHaveBeenCalledOnce();
  expect(player.playSamples).not.toHaveBeenCalled();
});

it("cuts what was spoken over, and not what was heard again later", () => {
  const on = live.handlers;
  on.transcript("Good evening.");
  on.responseStarted("r");
  on.words("Good evening to you.", "item");
  player.busy = true;
  player.heardMs = 300;
  on.speechStarted();
  expect(around.interrupted).toHaveBeenCalledExactlyOnceWith("item", 300);
  on.responseDone("cancelled", TURN);
  player.busy = false;
  live.stop();
  player.busy = true;
  on.speechStarted();
  expect(around.interrupted).toHaveBeenCalledOnce();
  player.busy = false;
});

it("marks a reply that is cut while its last sound plays", () => {
  for (const cut of [() => live.handlers.speechStarted(), () => live.stop()]) {
    const on = live.handlers;
    on.responseStarted("r");
    on.words("Good evening to you.", "item");
    on.responseDone("completed", TURN);
    expect(state.snapshot().entries.at(-1)?.interrupted).toBe(false);
    player.busy = true;
    cut();
    expect(state.snapshot().entries.at(-1)?.interrupted).toBe(true);
    player.busy = false;
  }
  expect(around.interrupted).toHaveBeenCalledTimes(2);
});

it("says what failed, and lets it be said again", () => {
  live.handlers.transcript("Good evening.");
  live.handlers.responseStarted("r");
  live.handlers.responseDone("failed", undefined, "Rose is busy with others.");
  expect(shown()).toEqual([{ role: "user", text: "Good evening.", open: false, failed: true }]);
  expect(state.snapshot().notice).toBe("Rose is busy with others.");
});
