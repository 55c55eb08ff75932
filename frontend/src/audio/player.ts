/** Rose's voice: pieces of sound, played one after the other without a gap. */
import { JitterBuffer } from "./jitter";
import { LevelMeter } from "./level";

/** The rate of the realtime protocol. */
export const PLAYBACK_RATE = 24_000;
const LEAD_SECONDS = 0.12;
const FADE_SECONDS = 0.03;

export class Player {
  private context: AudioContext | null = null;
  private gain: GainNode | null = null;
  private analyser: AnalyserNode | null = null;
  private readonly buffer = new JitterBuffer(LEAD_SECONDS);
  private readonly meter = new LevelMeter();
  private playing = new Set<AudioBufferSourceNode>();
  private looked = 0;
  /** Called when the last piece has been heard. */
  onIdle: () => void = () => {};

  /** To be called from a press or a key, since browsers keep pages silent until then. */
  wake(): AudioContext {
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: PLAYBACK_RATE });
      this.analyser = this.context.createAnalyser();
      this.analyser.fftSize = 1024;
      this.gain = this.context.createGain();
      this.gain.connect(this.analyser).connect(this.context.destination);
    }
    if (this.context.state !== "running") void this.context.resume();
    return this.context;
  }

  decode(bytes: ArrayBuffer): Promise<AudioBuffer> {
    return this.wake().decodeAudioData(bytes);
  }

  /** Mono samples at `PLAYBACK_RATE`. */
  playSamples(samples: Float32Array<ArrayBuffer>): void {
    if (samples.length === 0) return;
    const buffer = this.wake().createBuffer(1, samples.length, PLAYBACK_RATE);
    buffer.copyToChannel(samples, 0);
    this.play(buffer);
  }

  play(buffer: AudioBuffer): void {
    const context = this.wake();
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain as GainNode);
    source.onended = () => {
      this.playing.delete(source);
      if (this.playing.size === 0) this.onIdle();
    };
    this.playing.add(source);
    source.start(this.buffer.schedule(context.currentTime, buffer.duration));
  }

  get busy(): boolean {
    return this.playing.size > 0;
  }

  /** Milliseconds of the present reply that have been heard. */
  get heardMs(): number {
    return this.context ? Math.round(this.buffer.heard(this.context.currentTime) * 1000) : 0;
  }

  /** A new reply begins; what still plays is of the last one. */
  begin(): void {
    if (!this.busy) this.buffer.reset();
  }

  /** Falls silent at once, without a click. */
  stop(): void {
    if (this.context && this.gain) {
      const gone = this.gain;
      gone.gain.setTargetAtTime(0, this.context.currentTime, FADE_SECONDS / 3);
      for (const source of this.playing) {
        source.onended = null;
        source.stop(this.context.currentTime + FADE_SECONDS);
      }
      this.gain = this.context.createGain();
      this.gain.connect(this.analyser as AnalyserNode);
      setTimeout(() => gone.disconnect(), 200);
    }
    this.playing.clear();
    this.buffer.reset();
    this.onIdle();
  }

  /** 0 to 1; to be read once a frame. */
  get level(): number {
    if (!this.context || !this.analyser) return 0;
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    const now = this.context.currentTime;
    const level = this.meter.push(samples, Math.min(0.1, now - this.looked));
    this.looked = now;
    return level;
  }
}
