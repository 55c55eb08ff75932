/** What a live connection tells, as changes of the conversation. */
import type { Player } from "../audio/player";
import { joined, wav } from "../audio/pcm";
import { REALTIME_RATE, type RealtimeHandlers } from "../realtime/client";
import { entry, UNANSWERED } from "./entries";
import type { ConversationState } from "./state";

interface Around {
  settle(): void;
  /** The person spoke over the reply's item, having heard this much of it. */
  interrupted(item: string, heardMs: number): void;
  /** A reply begins that was stopped before. */
  unwanted(): void;
  lost(): void;
}

export class LiveTurns {
  /** A reply is on its way. */
  replying = false;
  /** Recorded whole, and not answered yet. */
  private waitingFor: Blob | null = null;
  private unwanted = false;
  private reply: string | null = null;
  private replyItem = "";
  /** The reply whose sound plays, perhaps beyond its last event. */
  private sounding: string | null = null;
  /** The person's words that are being heard. */
  private saying: string | null = null;
  /** The person's words that are being answered. */
  private said: string | null = null;
  private pieces: Float32Array<ArrayBuffer>[] = [];

  constructor(
    private readonly state: ConversationState,
    private readonly player: Player,
    private readonly around: Around,
  ) {}

  get busy(): boolean {
    return this.replying || this.waitingFor !== null;
  }

  /** A recording was sent over the connection. */
  sent(recording: Blob): void {
    this.waitingFor = recording;
    this.unwanted = false;
  }

  /** The reply falls silent; one that has not begun is stopped when it does. */
  stop(): void {
    if (!this.replying) this.cut();
    this.replying = false;
    this.unwanted = this.waitingFor !== null;
    this.waitingFor = null;
    // What is heard from here on is something else: speaking over it cuts nothing of the reply.
    this.replyItem = "";
  }

  readonly handlers: RealtimeHandlers = {
    speechStarted: () => {
      this.cut();
      this.replying = false;
      if (this.player.busy) this.player.stop();
      this.saying = null;
      this.state.set({ phase: "listening" });
    },
    speechStopped: () => this.state.set({ phase: "thinking" }),
    heard: (delta) => this.state.extend(this.mine(), delta),
    transcript: (text) => {
      if (text.trim() === "") {
        if (this.saying) this.state.drop(this.saying);
        this.saying = this.waitingFor = null;
        if (this.state.snapshot().capturing === "no") this.state.set({ notice: "No words were heard. Try again, a little closer." });
        return this.around.settle();
      }
      this.said = this.mine();
      this.state.patch(this.said, { text, open: false });
      this.saying = null;
    },
    responseStarted: () => {
      this.replying = !this.unwanted;
      if (this.unwanted) this.around.unwanted();
      this.unwanted = false;
      this.waitingFor = null;
      this.pieces = [];
      this.replyItem = "";
      this.player.begin();
      const hers = entry("rose", { open: true });
      this.reply = this.sounding = hers.key;
      this.state.add(hers);
      this.around.settle();
    },
    words: (delta, item) => {
      this.replyItem = item;
      if (this.reply) this.state.extend(this.reply, delta);
    },
    sound: (samples) => {
      if (!this.replying) return;
      this.pieces.push(samples);
      this.player.playSamples(samples);
      this.state.set({ phase: "speaking" });
    },
    painting: (painting) => {
      if (this.reply) this.state.patch(this.reply, { painting });
    },
    memories: (memories) => {
      if (this.reply) this.state.patch(this.reply, { memories });
    },
    stages: (stages) => {
      const total = stages.find(({ stage }) => stage === "total")?.total_ms ?? 0;
      this.state.set({ lastTurn: { stages, durationMs: total } });
    },
    responseDone: (status, turnId, message) => {
      this.replying = false;
      const refusal = message ?? "Rose could not answer that.";
      if (this.said) this.state.patch(this.said, { turnId, failure: status === "failed" ? refusal : undefined });
      this.close(status === "cancelled", turnId);
      if (status === "failed") this.state.set({ notice: refusal });
      this.said = null;
      this.around.settle();
    },
    failed: (message) => {
      this.waitingFor = null;
      this.state.set({ notice: message });
      this.around.settle();
    },
    lost: () => {
      this.replying = false;
      if (this.saying) this.state.drop(this.saying);
      // Perhaps the server has it: then its history takes this entry's place.
      if (this.waitingFor && !this.said) this.state.add(entry("user", { recording: this.waitingFor, failure: UNANSWERED }));
      if (this.said && !this.state.entry(this.reply)?.text) this.state.patch(this.said, { failure: UNANSWERED });
      this.waitingFor = this.saying = this.said = null;
      this.close(true, undefined);
      this.player.stop();
      this.around.lost();
    },
  };

  /** What has not been heard yet of the reply was never said. */
  private cut(): void {
    if (!this.player.busy || !this.replyItem) return;
    this.around.interrupted(this.replyItem, this.player.heardMs);
    if (this.sounding) this.state.patch(this.sounding, { interrupted: true });
  }

  /** The reply's entry, which nothing more will come to; none where nothing came. */
  private close(interrupted: boolean, turnId: string | undefined): void {
    if (this.reply) {
      if (this.state.entry(this.reply)?.text === "") this.state.drop(this.reply);
      else {
        const sound = this.pieces.length > 0 ? [wav(joined(this.pieces), REALTIME_RATE)] : [];
        const cut = interrupted || this.state.entry(this.reply)?.interrupted;
        this.state.patch(this.reply, { open: false, interrupted: cut, sound, turnId });
      }
    }
    this.reply = null;
    this.pieces = [];
  }

  private mine(): string {
    if (!this.saying) {
      const mine = entry("user", { open: true });
      this.saying = mine.key;
      this.state.insert(mine, this.reply);
    }
    return this.saying;
  }
}
