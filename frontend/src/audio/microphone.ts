/** The microphone, as mono samples at the rate that is asked for. */
import captureUrl from "./capture.worklet.ts?worker&url";
import { LevelMeter } from "./level";
import { Resampler } from "./resample";

/** Why there is no microphone, in words for the person. */
export class MicrophoneError extends Error {}

export class Microphone {
  private readonly meter = new LevelMeter();

  private constructor(
    private readonly stream: MediaStream,
    private readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
  ) {}

  /** `onSamples` gets pieces of about 20 ms, in order. Throws a `MicrophoneError`. */
  static async open(rate: number, onSamples: (samples: Float32Array<ArrayBuffer>) => void): Promise<Microphone> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new MicrophoneError(
        "This page may not use a microphone: open it over https, or on this machine. You can write to Rose instead.",
      );
    }
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        // Rose's own voice is taken out of what she hears.
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
      });
    } catch (error) {
      throw new MicrophoneError(explain(error));
    }
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule(captureUrl);
      await context.resume();
    } catch {
      stream.getTracks().forEach((track) => track.stop());
      void context.close();
      throw new MicrophoneError("This browser can’t listen here. You can write to Rose instead.");
    }
    const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    context.createMediaStreamSource(stream).connect(node);
    const microphone = new Microphone(stream, context, node);
    const resampler = new Resampler(context.sampleRate, rate);
    node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      microphone.meter.push(data, data.length / context.sampleRate);
      onSamples(resampler.push(data));
    };
    return microphone;
  }

  /** 0 to 1. */
  get level(): number {
    return this.meter.level;
  }

  close(): void {
    this.node.port.onmessage = null;
    this.node.disconnect();
    this.stream.getTracks().forEach((track) => track.stop());
    void this.context.close();
  }
}

function explain(error: unknown): string {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
      return "The microphone is not allowed. Allow it beside the page’s address and try again, or write to Rose.";
    case "NotFoundError":
      return "No microphone was found. Plug one in and try again, or write to Rose.";
    default:
      return "The microphone can’t be used; another program may hold it. Try again, or write to Rose.";
  }
}
