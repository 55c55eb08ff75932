/** The one conversation of this page, and everything that a person can do in it. */
import { delivery, forgetCapabilities, spokenLanguage } from "../api/capabilities";
import { chat } from "../api/chat";
import { api, ask, away, errorFrom, RoseError, type Schemas, type VoiceReply } from "../api/client";
import { Microphone, MicrophoneError } from "../audio/microphone";
import { fromBase64, joined, wav } from "../audio/pcm";
import { Player } from "../audio/player";
import { REALTIME_RATE, RealtimeClient } from "../realtime/client";
import { keep, kept } from "../settings/kept";
import { settings } from "../settings/settings";
import { entry, type Picture, reconciled } from "./entries";
import { LiveTurns } from "./live";
import { ConversationState, type Phase } from "./state";

const SESSION_KEY = "rose.session";
/** Shorter presses are slips. */
const SHORTEST_SECONDS = 0.3;
const RETRY_MS = [500, 1000, 2000, 4000];
const STOPPED = "Stopped before she answered.";
/** A recording that would fare no better a second time. */
const UNHEARD = new Set<RoseError["code"]>(["no_speech", "empty_audio", "damaged_audio", "unsupported_audio", "audio_too_short", "audio_too_long"]);

type Asked = Pick<Schemas["ChatRequest"], "message" | "images" | "retry_of">;

export class Conversation {
  private readonly state = new ConversationState(kept(SESSION_KEY));
  private readonly player = new Player();
  private readonly live = new LiveTurns(this.state, this.player, {
    settle: () => this.settle(),
    interrupted: (item, heardMs) => this.realtime?.truncate(item, heardMs),
    unwanted: () => this.realtime?.cancel(),
    lost: () => this.lost(),
  });
  private microphone: Microphone | null = null;
  private recorded: Float32Array<ArrayBuffer>[] = [];
  private released = false;
  private request: AbortController | null = null;
  private realtime: RealtimeClient | null = null;
  /** The server has refused the WebSocket; recordings are sent whole instead. */
  private socketRefused = false;
  /** Only the newest search for a server that went away goes on. */
  private search = 0;

  readonly subscribe = this.state.subscribe;
  readonly snapshot = this.state.snapshot;

  constructor() {
    this.player.onIdle = () => this.settle();
  }

  /** What the presence moves by, 0 to 1. */
  readonly level = () => {
    const { phase } = this.snapshot();
    return phase === "speaking" ? this.player.level : phase === "listening" ? (this.microphone?.level ?? 0) : 0;
  };

  /** Shows the last conversation, where there is one. */
  async begin(): Promise<void> {
    const { sessionId } = this.snapshot();
    if (sessionId) await this.open(sessionId);
  }

  async open(sessionId: string): Promise<void> {
    this.fresh();
    this.search += 1;
    this.keepSession(sessionId);
    try {
      await this.takeHistory(sessionId);
      if (sessionId === this.snapshot().sessionId) this.state.set({ reachable: true });
    } catch (error) {
      if (sessionId === this.snapshot().sessionId) this.noHistory(error);
    }
  }

  tell(notice: string | null): void {
    this.state.set({ notice });
  }

  /** A new conversation; it is made on the server with the first words. */
  fresh(): void {
    this.stop();
    this.endHandsFree();
    this.keepSession(null);
    this.state.set({ entries: [], lastTurn: null, notice: null });
  }

  // ------------------------------------------------------------------ in writing

  async send(text: string, pictures: { data: string; picture: Picture }[] = []): Promise<void> {
    this.stop();
    const mine = entry("user", { text, pictures: pictures.map(({ picture }) => picture) });
    this.state.add(mine);
    await this.converse(mine.key, { message: text, images: pictures.map(({ data }) => data) });
  }

  /** Sends a message that got no answer once more: by its turn where the server has it, else as it was. */
  async retry(key: string): Promise<void> {
    this.stop();
    const failed = this.state.entry(key);
    if (!failed) return;
    this.state.patch(key, { failure: undefined });
    this.state.set({ phase: "thinking", notice: null });
    let turnId = failed.turnId;
    try {
      // The server may have it though it never came to tell.
      const { sessionId } = this.snapshot();
      if (!turnId && sessionId) await this.takeHistory(sessionId);
      turnId = this.state.entry(key)?.turnId;
    } catch (error) {
      this.state.patch(key, { failure: failed.failure });
      return this.noHistory(error);
    }
    if (turnId) return this.converse(key, { retry_of: turnId });
    this.state.drop(key);
    if (failed.recording) return this.sendRecording(failed.recording);
    this.state.add(failed);
    await this.converse(key, { message: failed.text, images: failed.pictures.map(({ src }) => src) });
  }

  /** Another answer in the place of the newest. */
  async answerAgain(key: string): Promise<void> {
    this.stop();
    const turnId = this.state.entry(key)?.turnId;
    const mine = this.snapshot().entries.findLast((one) => one.role === "user" && one.turnId === turnId);
    if (!turnId || !mine) return;
    this.state.drop(key);
    await this.converse(mine.key, { retry_of: turnId });
  }

  private async converse(mine: string, asked: Asked): Promise<void> {
    const hers = entry("rose", { open: true });
    this.state.patch(mine, { failure: undefined });
    this.state.add(hers);
    this.state.set({ phase: "thinking", notice: null });
    const request = (this.request = new AbortController());
    if (settings().speakReplies) this.player.wake();
    this.player.begin();
    try {
      const session_id = await this.session();
      const manner = { speak: settings().speakReplies || null, ...(await delivery()) };
      for await (const event of chat({ session_id, ...asked, ...manner }, request.signal)) {
        switch (event.type) {
          case "transcript":
            this.state.patch(mine, { turnId: event.turn_id });
            this.state.patch(hers.key, { turnId: event.turn_id });
            break;
          case "memories_used":
            this.state.patch(hers.key, { memories: event.memories });
            break;
          case "text_delta":
            this.state.extend(hers.key, event.text);
            break;
          case "audio":
            await this.speak(hers.key, new Blob([fromBase64(event.data)], { type: event.media_type }));
            break;
          case "image_progress":
            this.state.patch(hers.key, { painting: { step: event.step, steps: event.steps } });
            break;
          case "image":
            this.state.patch(hers.key, { painting: undefined, pictures: [{ src: event.url, alt: `Picture that Rose made: ${event.caption}` }] });
            break;
          case "done":
            this.state.patch(hers.key, { text: event.text, open: false, interrupted: event.interrupted });
            this.state.set({ lastTurn: { stages: event.stages, durationMs: event.duration_ms } });
        }
      }
    } catch (error) {
      if (!request.signal.aborted) this.unanswered(mine, hers.key, error);
      else if (this.state.entry(hers.key)?.text) this.state.patch(hers.key, { open: false, interrupted: true });
      else this.unanswered(mine, hers.key, new RoseError("cancelled", STOPPED));
    }
    this.ended(request);
  }

  /** Stops whatever Rose is doing. */
  stop(): void {
    this.request?.abort();
    this.request = null;
    if (this.live.replying) this.realtime?.cancel();
    this.live.stop();
    this.hush();
    this.settle();
  }

  /** As it was heard; where it wasn't, the server speaks it. */
  async replay(key: string): Promise<void> {
    this.stop();
    this.player.wake();
    const said = this.state.entry(key);
    if (!said) return;
    const request = (this.request = new AbortController());
    this.settle();
    try {
      const sound = said.sound.length > 0 ? said.sound : [await this.spoken(said.turnId ?? "", request.signal)];
      for (const piece of sound) {
        const buffer = await this.player.decode(await piece.arrayBuffer());
        if (request.signal.aborted) return;
        this.player.play(buffer);
      }
    } catch (error) {
      if (!request.signal.aborted) this.fail(error);
    }
    this.ended(request);
  }

  private async spoken(turnId: string, signal: AbortSignal): Promise<Blob> {
    const query = new URLSearchParams(Object.entries(await delivery()).map(([name, value]) => [name, String(value)]));
    const address = `/api/sessions/${this.snapshot().sessionId ?? ""}/turns/${turnId}/audio?${query}`;
    const response = await fetch(address, { signal }).catch((error: unknown) => {
      throw signal.aborted ? error : away();
    });
    if (!response.ok) throw errorFrom(await response.json().catch(() => null));
    return response.blob();
  }

  // ------------------------------------------------------------------ push to talk

  async press(): Promise<void> {
    if (this.snapshot().capturing !== "no") return;
    this.player.wake();
    this.stop();
    this.released = false;
    this.recorded = [];
    this.state.set({ capturing: "held", phase: "listening", notice: null });
    void this.connect(false);
    try {
      this.microphone = await Microphone.open(REALTIME_RATE, (samples) => this.recorded.push(samples));
    } catch (error) {
      this.state.set({ capturing: "no", phase: "resting" });
      return this.fail(error);
    }
    if (this.released) await this.release();
  }

  async release(): Promise<void> {
    this.released = true;
    if (!this.microphone || this.snapshot().capturing !== "held") return;
    this.microphone.close();
    this.microphone = null;
    this.state.set({ capturing: "no" });
    const samples = joined(this.recorded.splice(0));
    if (samples.length < SHORTEST_SECONDS * REALTIME_RATE) {
      this.state.set({ phase: "resting", notice: "Hold while you speak, and let go when you have finished." });
      return;
    }
    this.state.set({ phase: "thinking" });
    const recording = wav(samples, REALTIME_RATE);
    const link = await this.connect(false);
    if (!link) return this.sendRecording(recording);
    for (let at = 0; at < samples.length; at += REALTIME_RATE / 5) link.append(samples.subarray(at, at + REALTIME_RATE / 5));
    link.commit();
    this.live.sent(recording);
  }

  private async sendRecording(recording: Blob): Promise<void> {
    const mine = entry("user", { open: true, recording });
    const hers = entry("rose", { open: true });
    this.state.add(mine, hers);
    this.state.set({ phase: "thinking" });
    const request = (this.request = new AbortController());
    this.player.begin();
    try {
      const form = new FormData();
      form.set("session_id", await this.session());
      form.set("audio", recording, "speech.wav");
      const manner = { ...(await delivery()), language: await spokenLanguage() };
      for (const [name, value] of Object.entries(manner)) if (value !== undefined) form.set(name, String(value));
      const response = await fetch("/api/voice/process", { method: "POST", body: form, signal: request.signal }).catch((error: unknown) => {
        throw request.signal.aborted ? error : away();
      });
      if (!response.ok) throw errorFrom(await response.json().catch(() => null));
      const reply = (await response.json()) as VoiceReply;
      const turnId = reply.turn_id;
      this.state.patch(mine.key, { text: reply.transcript, turnId, recording: undefined, open: false });
      this.state.patch(hers.key, { text: reply.text, turnId, open: false, memories: reply.memories_used, interrupted: reply.interrupted });
      this.state.set({ lastTurn: { stages: reply.stages, durationMs: reply.duration_ms } });
      if (reply.audio_url) {
        const sound = await fetch(reply.audio_url, { signal: request.signal });
        if (sound.ok) await this.speak(hers.key, await sound.blob());
      }
    } catch (error) {
      const known = error instanceof RoseError ? error : null;
      if (request.signal.aborted) this.unanswered(mine.key, hers.key, new RoseError("cancelled", STOPPED));
      else {
        this.unanswered(mine.key, hers.key, error);
        if (known && UNHEARD.has(known.code)) this.state.drop(mine.key);
        if (known?.code !== "away") this.fail(error);
      }
    }
    this.ended(request);
  }

  // ------------------------------------------------------------------ hands-free

  async startHandsFree(): Promise<void> {
    if (this.snapshot().capturing !== "no") return;
    this.player.wake();
    this.stop();
    this.state.set({ capturing: "hands-free", phase: "listening", notice: null });
    try {
      this.microphone = await Microphone.open(REALTIME_RATE, (samples) => this.realtime?.append(samples));
    } catch (error) {
      this.state.set({ capturing: "no", phase: "resting" });
      return this.fail(error);
    }
    if (await this.connect(true)) return;
    this.endHandsFree();
    this.tell("Hands-free needs a live connection, which was refused. Hold the button to speak instead.");
  }

  endHandsFree(): void {
    if (this.snapshot().capturing !== "hands-free") return;
    this.microphone?.close();
    this.microphone = null;
    this.realtime?.close();
    this.realtime = null;
    this.hush();
    this.state.set({ capturing: "no" });
    this.settle();
  }

  /** The connection of this session, made where there is none; `null` where it is refused. */
  private async connect(handsFree: boolean): Promise<RealtimeClient | null> {
    const manner = { handsFree, language: await spokenLanguage(), ...(await delivery()) };
    if (this.realtime) {
      this.realtime.configure(manner);
      return this.realtime;
    }
    if (this.socketRefused && !handsFree) return null;
    try {
      const session = await this.session();
      const address = `${location.origin.replace(/^http/, "ws")}/v1/realtime?model=rose&session_id=${session}`;
      const client = await RealtimeClient.connect(address, manner, this.live.handlers);
      // Two calls may have raced; the first connection stays.
      if (this.realtime) {
        client.close();
        return this.realtime;
      }
      this.realtime = client;
      return client;
    } catch {
      this.socketRefused = this.snapshot().reachable;
      return null;
    }
  }

  private lost(): void {
    this.realtime = null;
    const handsFree = this.snapshot().capturing === "hands-free";
    this.state.set({ reachable: false, notice: null });
    void this.comeBack().then(async () => {
      if (handsFree && this.snapshot().capturing === "hands-free") await this.connect(true);
      this.settle();
    });
  }

  // ------------------------------------------------------------------ inside

  private async speak(key: string, sound: Blob): Promise<void> {
    const turn = this.request;
    this.state.patch(key, { sound: [...(this.state.entry(key)?.sound ?? []), sound] });
    const buffer = await this.player.decode(await sound.arrayBuffer());
    if (this.request !== turn) return;
    this.player.play(buffer);
    this.state.set({ phase: "speaking" });
  }

  private hush(): void {
    if (this.player.busy) this.player.stop();
  }

  private ended(request: AbortController): void {
    if (this.request === request) this.request = null;
    this.settle();
  }

  /** The phase, from what goes on. */
  private settle(): void {
    const { capturing, phase } = this.snapshot();
    const next: Phase = this.player.busy
      ? "speaking"
      : capturing === "held"
        ? "listening"
        : this.busy
          ? "thinking"
          : capturing === "hands-free"
            ? "listening"
            : "resting";
    if (next !== phase) this.state.set({ phase: next });
  }

  private get busy(): boolean {
    return this.request !== null || this.live.busy;
  }

  private async session(): Promise<string> {
    const { sessionId } = this.snapshot();
    if (sessionId) return sessionId;
    const { session_id } = await ask(api.POST("/api/session/start"));
    this.keepSession(session_id);
    return session_id;
  }

  private keepSession(sessionId: string | null): void {
    this.realtime?.close();
    this.realtime = null;
    keep(SESSION_KEY, sessionId);
    this.state.set({ sessionId });
  }

  private unanswered(mine: string, hers: string, error: unknown): void {
    this.state.drop(hers);
    this.state.patch(mine, { open: false, failure: error instanceof RoseError ? error.message : "Something went wrong." });
    if (error instanceof RoseError && error.code === "away") this.fail(error);
  }

  private fail(error: unknown): void {
    this.settle();
    if (error instanceof RoseError && error.code === "away") {
      this.state.set({ reachable: false });
      void this.comeBack();
    } else if (error instanceof RoseError || error instanceof MicrophoneError) this.tell(error.message);
    else this.tell("Something went wrong. Try again.");
  }

  private noHistory(error: unknown): void {
    if (!(error instanceof RoseError) || error.code !== "not_found") return this.fail(error);
    this.keepSession(null);
    this.tell("Rose no longer has this conversation. What you say next begins a new one.");
    this.settle();
  }

  /** Asks until the server answers, then takes the conversation as the server knows it. */
  private async comeBack(): Promise<void> {
    const mine = (this.search += 1);
    for (let at = 0; ; at++) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(at, RETRY_MS.length - 1)]));
      if (mine !== this.search) return;
      const well = await fetch("/api/health").then(
        ({ ok }) => ok,
        () => false,
      );
      if (mine !== this.search) return;
      if (!well) continue;
      this.socketRefused = false;
      forgetCapabilities();
      const { sessionId } = this.snapshot();
      try {
        // What is on its way now is told by itself.
        if (sessionId && !this.busy) await this.takeHistory(sessionId);
      } catch (error) {
        if (mine !== this.search) return;
        if (error instanceof RoseError && error.code === "away") continue;
        this.state.set({ reachable: true });
        return this.noHistory(error);
      }
      if (mine === this.search) this.state.set({ reachable: true });
      return;
    }
  }

  /** Nothing of another conversation's, which may have been opened meanwhile. */
  private async takeHistory(sessionId: string): Promise<void> {
    const { messages } = await ask(api.GET("/api/sessions/{id}", { params: { path: { id: sessionId } } }));
    if (sessionId !== this.snapshot().sessionId) return;
    this.state.set({ entries: reconciled(messages, this.snapshot().entries) });
  }
}
