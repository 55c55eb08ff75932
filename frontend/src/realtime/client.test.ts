import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { fromBase64, fromPcm16, toBase64, toPcm16 } from "../audio/pcm";
import { REALTIME_RATE, RealtimeClient, type RealtimeHandlers } from "./client";

/** The server's side of a WebSocket. */
class FakeSocket {
  static last: FakeSocket;
  static OPEN = 1;
  readyState = 1;
  sent: { type: string; [key: string]: unknown }[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(
    readonly address: string,
    readonly protocols: string[],
  ) {
    FakeSocket.last = this;
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as { type: string });
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  says(event: object) {
    this.onmessage?.({ data: JSON.stringify(event) });
  }
}

const handlers = () =>
  ({
    speechStarted: vi.fn(),
    speechStopped: vi.fn(),
    heard: vi.fn(),
    transcript: vi.fn(),
    responseStarted: vi.fn(),
    words: vi.fn(),
    sound: vi.fn(),
    memories: vi.fn(),
    painting: vi.fn(),
    stages: vi.fn(),
    responseDone: vi.fn(),
    failed: vi.fn(),
    lost: vi.fn(),
  }) satisfies RealtimeHandlers;

async function connected(on = handlers(), handsFree = true) {
  const connecting = RealtimeClient.connect("ws://rose/v1/realtime?session_id=1", { handsFree, language: handsFree ? "de" : undefined, voice: "joe", speed: 1.1 }, on);
  const socket = FakeSocket.last;
  socket.says({ type: "session.created", session: { id: "1" } });
  return { client: await connecting, socket, on };
}

describe("the realtime client", () => {
  beforeEach(() => vi.stubGlobal("WebSocket", FakeSocket));
  afterEach(() => vi.unstubAllGlobals());

  it("sets the session up as the person has chosen", async () => {
    const { socket } = await connected();
    expect(socket.protocols).toEqual(["realtime"]);
    const format = { type: "audio/pcm", rate: REALTIME_RATE };
    expect(socket.sent).toEqual([
      {
        type: "session.update",
        session: {
          type: "realtime",
          audio: { input: { format, transcription: { language: "de" }, turn_detection: { type: "server_vad" } }, output: { format, voice: "joe", speed: 1.1 } },
        },
      },
    ]);
    const held = await connected(handlers(), false);
    expect(JSON.stringify(held.socket.sent)).toContain('"turn_detection":null');
    expect(JSON.stringify(held.socket.sent)).toContain('"language":""');
  });

  it("refuses where the server does", async () => {
    const connecting = RealtimeClient.connect("ws://rose", { handsFree: true, speed: 1 }, handlers());
    FakeSocket.last.onerror?.();
    await expect(connecting).rejects.toThrow();
  });

  it("sends sound as 16-bit PCM, and asks for the answer", async () => {
    const { client, socket } = await connected();
    client.append(Float32Array.of(0, 0.5, -0.5));
    client.append(new Float32Array(0));
    client.commit();
    const [, append, ...rest] = socket.sent;
    expect([...fromPcm16(fromBase64(append?.audio as string))].map((x) => x.toFixed(2))).toEqual(["0.00", "0.50", "-0.50"]);
    expect(rest.map(({ type }) => type)).toEqual(["input_audio_buffer.commit", "response.create"]);
  });

  it("tells a whole spoken turn in order", async () => {
    const { socket, on } = await connected();
    const pcm = toBase64(new Uint8Array(toPcm16(Float32Array.of(0.25, 0.25)).buffer));
    for (const event of [
      { type: "input_audio_buffer.speech_started" },
      { type: "input_audio_buffer.speech_stopped" },
      { type: "conversation.item.input_audio_transcription.delta", delta: "ask " },
      { type: "conversation.item.input_audio_transcription.completed", transcript: "ask not" },
      { type: "response.created", response: { id: "r1" } },
      { type: "rose.memories_used", memories: [{ id: "m", text: "Their name is Ana.", memory_type: "fact", score: 1 }] },
      { type: "response.output_audio_transcript.delta", delta: "I hear", item_id: "i1" },
      { type: "response.output_audio.delta", delta: pcm },
      { type: "rose.stages", turn_id: "t1", stages: [] },
      { type: "response.done", response: { status: "completed" } },
      { type: "something.new" },
    ])
      socket.says(event);
    expect(on.heard).toHaveBeenCalledWith("ask ");
    expect(on.transcript).toHaveBeenCalledWith("ask not");
    expect(on.words).toHaveBeenCalledWith("I hear", "i1");
    expect(on.sound.mock.calls[0]?.[0]).toHaveLength(2);
    expect(on.memories.mock.calls[0]?.[0]).toHaveLength(1);
    expect(on.responseDone).toHaveBeenCalledWith("completed", "t1", undefined);
    const order = [on.speechStarted, on.speechStopped, on.transcript, on.responseStarted, on.sound, on.responseDone];
    const times = order.map((handler) => handler.mock.invocationCallOrder[0] ?? 0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("tells a lost connection from one that was closed", async () => {
    const lost = await connected();
    lost.socket.close();
    expect(lost.on.lost).toHaveBeenCalledOnce();
    const closed = await connected();
    closed.client.close();
    expect(closed.on.lost).not.toHaveBeenCalled();
    closed.client.append(new Float32Array(10));
    expect(closed.socket.sent).toHaveLength(1);
  });
});
