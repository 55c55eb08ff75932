/** A spoken conversation over a WebSocket: the events of the OpenAI Realtime protocol (docs/REALTIME.md) and Rose's own. */
import type { StageReport, UsedMemory } from "../api/client";
import { fromBase64, fromPcm16, toBase64, toPcm16 } from "../audio/pcm";
import type { Painting } from "../conversation/entries";

/** Of the sound in both directions. */
export const REALTIME_RATE = 24_000;
const PATIENCE_MS = 8_000;

export interface RealtimeHandlers {
  speechStarted(): void;
  speechStopped(): void;
  heard(delta: string): void;
  transcript(text: string): void;
  responseStarted(id: string): void;
  words(delta: string, itemId: string): void;
  sound(samples: Float32Array<ArrayBuffer>): void;
  painting(painting: Painting): void;
  memories(memories: UsedMemory[]): void;
  stages(stages: StageReport[]): void;
  responseDone(status: "completed" | "cancelled" | "failed", turnId: string | undefined, message?: string): void;
  failed(message: string): void;
  /** The connection ended without `close` having been called. */
  lost(): void;
}

export interface RealtimeSettings {
  handsFree: boolean;
  /** What the person speaks, by its ISO 639-1 code; left out, as it is heard. */
  language?: string;
  voice?: string;
  speed?: number;
}

interface ServerEvent {
  type: string;
  delta?: string;
  transcript?: string;
  item_id?: string;
  turn_id?: string;
  memories?: UsedMemory[];
  stages?: StageReport[];
  step?: number;
  steps?: number;
  error?: { message?: string };
  response?: { id?: string; status?: string; status_details?: { error?: { message?: string } } };
}

export class RealtimeClient {
  private turnId: string | undefined;
  private closing = false;

  private constructor(
    private readonly socket: WebSocket,
    private readonly handlers: RealtimeHandlers,
  ) {
    socket.onmessage = ({ data }: MessageEvent<string>) => this.receive(JSON.parse(data) as ServerEvent);
    socket.onclose = () => {
      if (!this.closing) handlers.lost();
    };
  }

  /** Settles when the session stands; rejects where the server can't be reached or refuses. */
  static connect(address: string, settings: RealtimeSettings, handlers: RealtimeHandlers): Promise<RealtimeClient> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(address, ["realtime"]);
      const refuse = () => {
        clearTimeout(patience);
        socket.onclose = socket.onerror = socket.onmessage = null;
        socket.close();
        reject(new Error("the realtime connection could not be made"));
      };
      const patience = setTimeout(refuse, PATIENCE_MS);
      socket.onerror = socket.onclose = refuse;
      socket.onmessage = ({ data }: MessageEvent<string>) => {
        if ((JSON.parse(data) as ServerEvent).type !== "session.created") return;
        clearTimeout(patience);
        socket.onerror = null;
        const client = new RealtimeClient(socket, handlers);
        client.configure(settings);
        resolve(client);
      };
    });
  }

  configure({ handsFree, language, voice, speed }: RealtimeSettings): void {
    const format = { type: "audio/pcm", rate: REALTIME_RATE };
    this.send({
      type: "session.update",
      session: {
        type: "realtime",
        audio: {
          input: { format, transcription: { language: language ?? "" }, turn_detection: handsFree ? { type: "server_vad" } : null },
          output: { format, voice, speed },
        },
      },
    });
  }

  append(samples: Float32Array): void {
    if (samples.length === 0) return;
    this.send({ type: "input_audio_buffer.append", audio: toBase64(new Uint8Array(toPcm16(samples).buffer)) });
  }

  /** The person has finished: answer. */
  commit(): void {
    this.send({ type: "input_audio_buffer.commit" });
    this.send({ type: "response.create" });
  }

  clear(): void {
    this.send({ type: "input_audio_buffer.clear" });
  }

  cancel(): void {
    this.send({ type: "response.cancel" });
  }

  /** How much of the newest reply was heard. */
  truncate(itemId: string, heardMs: number): void {
    this.send({ type: "conversation.item.truncate", item_id: itemId, content_index: 0, audio_end_ms: heardMs });
  }

  close(): void {
    this.closing = true;
    this.socket.close();
  }

  private send(event: object): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  private receive(event: ServerEvent): void {
    const on = this.handlers;
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return on.speechStarted();
      case "input_audio_buffer.speech_stopped":
        return on.speechStopped();
      case "conversation.item.input_audio_transcription.delta":
        return on.heard(event.delta ?? "");
      case "conversation.item.input_audio_transcription.completed":
        return on.transcript(event.transcript ?? "");
      case "conversation.item.input_audio_transcription.failed":
        return on.failed(event.error?.message ?? "That could not be understood.");
      case "response.created":
        this.turnId = undefined;
        return on.responseStarted(event.response?.id ?? "");
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        return on.words(event.delta ?? "", event.item_id ?? "");
      case "response.output_audio.delta":
        return on.sound(fromPcm16(fromBase64(event.delta ?? "")));
      case "rose.image_progress":
        return on.painting({ step: event.step ?? 0, steps: event.steps ?? 1 });
      case "rose.memories_used":
        return on.memories(event.memories ?? []);
      case "rose.stages":
        this.turnId = event.turn_id;
        return on.stages(event.stages ?? []);
      case "response.done": {
        const status = event.response?.status;
        const known = status === "cancelled" || status === "failed" ? status : "completed";
        return on.responseDone(known, this.turnId, event.response?.status_details?.error?.message);
      }
      case "error":
        return on.failed(event.error?.message ?? "Something went wrong.");
    }
  }
}
