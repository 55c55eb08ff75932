/** The one conversation of this page: what was said, what Rose is doing, and everything that changes either. */
import { api, ask, away, errorFrom, RoseError, type VoiceReply } from "../api/client";
import { chat } from "../api/chat";
import { Microphone, MicrophoneError } from "../audio/microphone";
import { fromBase64, joined, wav } from "../audio/pcm";
import { Player } from "../audio/player";
import { REALTIME_RATE, RealtimeClient, type RealtimeHandlers } from "../realtime/client";
import { settings } from "../settings/settings";
import { type Entry, entry, type LastTurn, type Picture, reconciled } from "./entries";

export type Phase = "resting" | "listening" | "thinking" | "speaking";

export interface Snapshot {
  sessionId: string | null;
  entries: Entry[];
  phase: Phase;
  /** Push to talk is held, or hands-free listens. */
  capturing: "no" | "held" | "hands-free";
  /** A plain sentence about what is wrong or what to do. */
  notice: string | null;
  reachable: boolean;
  lastTurn: LastTurn | null;
}

const SESSION_KEY = "rose.session";
/** Shorter presses are slips. */
const SHORTEST_SECONDS = 0.3;
const RETRY_MS = [500, 1000, 2000, 4000];

export class Conversation {
  private state: Snapshot = {
    sessionId: localStorage.getItem(SESSION_KEY),
    entries: [],
    phase: "resting",
    capturing: "no",
    notice: null,
    reachable: true,
    lastTurn: null,
  };
  private readonly listeners = new Set<() => void>();
  private readonly player = new Player();
  private microphone: Microphone | null = null;
  private recorded: Float32Array<ArrayBuffer>[] = [];
  private released = false;
  private request: AbortController | null = null;
  private realtime: RealtimeClient | null = null;
  /** The server has refused the WebSocket; recordings are sent whole instead. */
  private socketRefused = false;
  private reply: string | null = null;
  private replyItem = "";
  private saying: string | null = null;
  private pieces: Float32Array<ArrayBuffer>[] = [];
  private responseOpen = false;
  private asked = 0;
  private waiting = false;

  constructor() {
    this.player.onIdle = () => this.settle();
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  readonly snapshot = () => this.state;

  /** What the presence moves by, 0 to 1. */
  readonly level = () =>
    this.state.phase === "speaking" ? this.player.level : this.state.phase === "listening" ? (this.microphone?.level ?? 0) : 0;

  /** Shows the last conversation, where there is one. */
  async begin(): Promise<void> {
    if (this.state.sessionId) await this.open(this.state.sessionId).catch(() => {});
  }

  async open(sessionId: string): Promise<void> {
    this.stop();
    this.endHandsFree();
    this.keepSession(sessionId);
    try {
      const history = await ask(api.GET("/api/sessions/{id}", { params: { path: { id: sessionId } } }));
      this.set({ entries: reconciled(history.messages, []), lastTurn: null, notice: null });
    } catch (error) {
      if (error instanceof RoseError && error.code === "not_found") this.fresh();
      else this.fail(error);
    }
  }

  dismiss(): void {
    this.set({ notice: null });
  }

  /** A new conversation; it is made on the server with the first words. */
  fresh(): void {
    this.stop();
    this.endHandsFree();
    this.keepSession(null);
    this.set({ entries: [], lastTurn: null, notice: null });
  }

  // ------------------------------------------------------------------ in writing

  async send(text: string, pictures: { data: string; picture: Picture }[] = []): Promise<void> {
    this.stop();
    const mine = entry("user", { text, pictures: pictures.map(({ picture }) => picture) });
    const hers = entry("rose", { open: true });
    this.set({ entries: [...this.state.entries.filter((one) => !one.failure), mine, hers], phase: "thinking", notice: null });
    if (settings().speakReplies) this.player.wake();
    const request = new AbortController();
    this.request = request;
    this.player.begin();
    try {
      const session_id = await this.session();
      const images = pictures.map(({ data }) => data);
      const speak = settings().speakReplies || null;
      for await (const event of chat({ session_id, message: text, images, speak }, request.signal)) {
        switch (event.type) {
          case "memories_used":
            this.patch(hers.key, { memories: event.memories });
            break;
          case "text_delta":
            this.extend(hers.key, event.text);
            break;
          case "audio":
            await this.speak(hers.key, new Blob([fromBase64(event.data)], { type: event.media_type }));
            break;
          case "image":
            this.patch(hers.key, { pictures: [{ src: event.url, alt: event.caption }] });
            break;
          case "done":
            this.patch(hers.key, { text: event.text, open: false, interrupted: event.interrupted });
            this.set({ lastTurn: { stages: event.stages, durationMs: event.duration_ms } });
        }
      }
    } catch (error) {
      if (request.signal.aborted) this.patch(hers.key, { open: false, interrupted: true });
      else this.broken(mine.key, hers.key, error);
    }
    if (this.request === request) this.request = null;
    this.settle();
  }

  retry(key: string): void {
    const failed = this.state.entries.find((one) => one.key === key);
    if (!failed) return;
    this.set({ entries: this.state.entries.filter((one) => one.key !== key) });
    const pictures = failed.pictures.filter(({ src }) => src.startsWith("data:"));
    void this.send(failed.text, pictures.map((picture) => ({ data: picture.src, picture })));
  }

  /** Stops whatever Rose is doing. */
  stop(): void {
    this.request?.abort();
    this.request = null;
    if (this.responseOpen) this.realtime?.cancel();
    this.hush();
    this.settle();
  }

  async replay(key: string): Promise<void> {
    this.stop();
    this.player.wake();
    const sound = this.state.entries.find((one) => one.key === key)?.sound ?? [];
    for (const piece of sound) this.player.play(await this.player.decode(await piece.arrayBuffer()));
    this.settle();
  }

  // ------------------------------------------------------------------ push to talk

  async press(): Promise<void> {
    if (this.state.capturing !== "no") return;
    this.player.wake();
    this.stop();
    this.released = false;
    this.recorded = [];
    this.set({ capturing: "held", phase: "listening", notice: null });
    const link = this.connect(false);
    try {
      const microphone = await Microphone.open(REALTIME_RATE, (samples) => this.recorded.push(samples));
      this.microphone = microphone;
    } catch (error) {
      this.set({ capturing: "no", phase: "resting" });
      return this.fail(error);
    }
    void link;
    if (this.released) await this.release();
  }

  async release(): Promise<void> {
    this.released = true;
    if (!this.microphone || this.state.capturing !== "held") return;
    this.microphone.close();
    this.microphone = null;
    this.set({ capturing: "no" });
    const samples = joined(this.recorded.splice(0));
    if (samples.length < SHORTEST_SECONDS * REALTIME_RATE) {
      this.set({ phase: "resting", notice: "Hold while you speak, and let go when you have finished." });
      return;
    }
    this.set({ phase: "thinking" });
    const link = await this.connect(false);
    if (link) {
      for (let at = 0; at < samples.length; at += REALTIME_RATE / 5) link.append(samples.subarray(at, at + REALTIME_RATE / 5));
      link.commit();
      this.waiting = true;
    } else {
      await this.sendRecording(wav(samples, REALTIME_RATE));
    }
  }

  private async sendRecording(recording: Blob): Promise<void> {
    const mine = entry("user", { open: true });
    const hers = entry("rose", { open: true });
    this.set({ entries: [...this.state.entries, mine, hers] });
    const request = new AbortController();
    this.request = request;
    this.player.begin();
    try {
      const form = new FormData();
      form.set("session_id", await this.session());
      form.set("audio", recording, "speech.wav");
      const response = await fetch("/api/voice/process", { method: "POST", body: form, signal: request.signal });
      if (!response.ok) throw errorFrom(await response.json().catch(() => null));
      const reply = (await response.json()) as VoiceReply;
      this.patch(mine.key, { text: reply.transcript, open: false });
      this.patch(hers.key, { text: reply.text, open: false, memories: reply.memories_used, interrupted: reply.interrupted });
      this.set({ lastTurn: { stages: reply.stages, durationMs: reply.duration_ms } });
      if (reply.audio_url) {
        const sound = await fetch(reply.audio_url, { signal: request.signal });
        if (sound.ok) await this.speak(hers.key, await sound.blob());
      }
    } catch (error) {
      this.set({ entries: this.state.entries.filter(({ key }) => key !== mine.key && key !== hers.key) });
      if (!request.signal.aborted) this.fail(error instanceof TypeError ? away() : error);
    }
    if (this.request === request) this.request = null;
    this.settle();
  }

  // ------------------------------------------------------------------ hands-free

  async startHandsFree(): Promise<void> {
    if (this.state.capturing !== "no") return;
    this.player.wake();
    this.stop();
    this.set({ capturing: "hands-free", phase: "listening", notice: null });
    try {
      this.microphone = await Microphone.open(REALTIME_RATE, (samples) => this.realtime?.append(samples));
    } catch (error) {
      this.set({ capturing: "no", phase: "resting" });
      return this.fail(error);
    }
    if (await this.connect(true)) return;
    this.endHandsFree();
    this.set({ notice: "Hands-free needs a live connection, which was refused. Hold the button to speak instead." });
  }

  endHandsFree(): void {
    if (this.state.capturing !== "hands-free") return;
    this.microphone?.close();
    this.microphone = null;
    this.realtime?.close();
    this.realtime = null;
    this.hush();
    this.set({ capturing: "no" });
    this.settle();
  }

  /** The connection of this session, made where there is none; `null` where it is refused. */
  private async connect(handsFree: boolean): Promise<RealtimeClient | null> {
    if (this.realtime) {
      this.realtime.configure({ handsFree, speed: settings().rate });
      return this.realtime;
    }
    if (this.socketRefused && !handsFree) return null;
    try {
      const session = await this.session();
      const address = `${location.origin.replace(/^http/, "ws")}/v1/realtime?model=rose&session_id=${session}`;
      const client = await RealtimeClient.connect(address, { handsFree, speed: settings().rate }, this.handlers());
      // Two calls may have raced; the first connection stays.
      if (this.realtime) {
        client.close();
        return this.realtime;
      }
      this.realtime = client;
      return client;
    } catch {
      this.socketRefused = this.state.reachable;
      return null;
    }
  }

  private handlers(): RealtimeHandlers {
    return {
      speechStarted: () => {
        if (this.player.busy && this.replyItem) this.realtime?.truncate(this.replyItem, this.player.heardMs);
        this.hush();
        this.saying = null;
        this.set({ phase: "listening" });
      },
      speechStopped: () => this.set({ phase: "thinking" }),
      heard: (delta) => this.extend(this.mine(), delta),
      transcript: (text) => {
        if (text.trim() === "") {
          if (this.saying) this.drop(this.saying);
          this.saying = null;
          this.waiting = false;
          if (this.state.capturing === "no") this.set({ notice: "No words were heard. Try again, a little closer." });
          return this.settle();
        }
        this.patch(this.mine(), { text, open: false });
        this.saying = null;
      },
      responseStarted: () => {
        this.responseOpen = true;
        this.waiting = false;
        this.pieces = [];
        this.replyItem = "";
        this.player.begin();
        const hers = entry("rose", { open: true });
        this.reply = hers.key;
        this.set({ entries: [...this.state.entries, hers], phase: "thinking" });
      },
      words: (delta, item) => {
        this.replyItem = item;
        if (this.reply) this.extend(this.reply, delta);
      },
      sound: (samples) => {
        if (!this.responseOpen) return;
        this.pieces.push(samples);
        this.player.playSamples(samples);
        this.set({ phase: "speaking" });
      },
      memories: (memories) => this.reply && this.patch(this.reply, { memories }),
      stages: (stages) => {
        const total = stages.find(({ stage }) => stage === "total")?.total_ms ?? 0;
        this.set({ lastTurn: { stages, durationMs: total } });
      },
      responseDone: (status, _turn, message) => {
        this.responseOpen = false;
        if (this.reply) {
          const empty = this.state.entries.find(({ key }) => key === this.reply)?.text === "";
          if (empty) this.drop(this.reply);
          else {
            const sound = this.pieces.length > 0 ? [wav(joined(this.pieces), REALTIME_RATE)] : [];
            this.patch(this.reply, { open: false, interrupted: status === "cancelled", sound });
          }
        }
        if (status === "failed") this.set({ notice: message ?? "Rose could not answer that." });
        this.reply = null;
        this.pieces = [];
        this.settle();
      },
      failed: (message) => {
        this.waiting = false;
        this.set({ notice: message });
        this.settle();
      },
      lost: () => {
        this.realtime = null;
        this.responseOpen = this.waiting = false;
        this.reply = this.saying = null;
        this.player.stop();
        const handsFree = this.state.capturing === "hands-free";
        this.set({ reachable: false, notice: null });
        void this.comeBack().then(async () => {
          if (handsFree && this.state.capturing === "hands-free") await this.connect(true);
          this.settle();
        });
      },
    };
  }

  // ------------------------------------------------------------------ inside

  /** The person's words that are being heard. */
  private mine(): string {
    if (!this.saying) {
      const mine = entry("user", { open: true });
      this.saying = mine.key;
      const at = this.state.entries.findIndex(({ key }) => key === this.reply);
      const entries = [...this.state.entries];
      entries.splice(at < 0 ? entries.length : at, 0, mine);
      this.set({ entries });
    }
    return this.saying;
  }

  private async speak(key: string, sound: Blob): Promise<void> {
    const turn = this.request;
    const known = this.state.entries.find((one) => one.key === key)?.sound ?? [];
    this.patch(key, { sound: [...known, sound] });
    const buffer = await this.player.decode(await sound.arrayBuffer());
    if (this.request !== turn) return;
    this.player.play(buffer);
    this.set({ phase: "speaking" });
  }

  private hush(): void {
    this.responseOpen = false;
    if (this.player.busy) this.player.stop();
  }

  /** The phase, from what goes on. */
  private settle(): void {
    const working = this.request !== null || this.responseOpen || this.waiting;
    const phase: Phase = this.player.busy
      ? "speaking"
      : this.state.capturing === "held"
        ? "listening"
        : working
          ? "thinking"
          : this.state.capturing === "hands-free"
            ? "listening"
            : "resting";
    if (phase !== this.state.phase) this.set({ phase });
  }

  private async session(): Promise<string> {
    if (this.state.sessionId) return this.state.sessionId;
    const { session_id } = await ask(api.POST("/api/session/start"));
    this.keepSession(session_id);
    return session_id;
  }

  private keepSession(sessionId: string | null): void {
    this.realtime?.close();
    this.realtime = null;
    if (sessionId) localStorage.setItem(SESSION_KEY, sessionId);
    else localStorage.removeItem(SESSION_KEY);
    this.set({ sessionId });
  }

  private broken(mine: string, hers: string, error: unknown): void {
    const message = error instanceof RoseError ? error.message : "Something went wrong.";
    this.drop(hers);
    this.patch(mine, { failure: message });
    if (error instanceof RoseError && error.code === "away") this.fail(error);
  }

  private fail(error: unknown): void {
    if (error instanceof RoseError && error.code === "away") {
      this.set({ reachable: false });
      void this.comeBack();
    } else if (error instanceof RoseError || error instanceof MicrophoneError) this.set({ notice: error.message });
    else this.set({ notice: "Something went wrong. Try again." });
  }

  /** Asks until the server answers, then takes the conversation as the server knows it. */
  private async comeBack(): Promise<void> {
    this.asked += 1;
    const mine = this.asked;
    for (let at = 0; mine === this.asked; at++) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(at, RETRY_MS.length - 1)]));
      const well = await fetch("/api/health").then(
        ({ ok }) => ok,
        () => false,
      );
      if (!well) continue;
      this.socketRefused = false;
      this.set({ reachable: true });
      const { sessionId } = this.state;
      if (!sessionId) return;
      const history = await ask(api.GET("/api/sessions/{id}", { params: { path: { id: sessionId } } })).catch(() => null);
      if (history) this.set({ entries: reconciled(history.messages, this.state.entries) });
      return;
    }
  }

  private patch(key: string, part: Partial<Entry>): void {
    this.set({ entries: this.state.entries.map((one) => (one.key === key ? { ...one, ...part } : one)) });
  }

  private extend(key: string, text: string): void {
    this.set({ entries: this.state.entries.map((one) => (one.key === key ? { ...one, text: one.text + text } : one)) });
  }

  private drop(key: string): void {
    this.set({ entries: this.state.entries.filter((one) => one.key !== key) });
  }

  private set(part: Partial<Snapshot>): void {
    this.state = { ...this.state, ...part };
    this.listeners.forEach((listener) => listener());
  }
}
