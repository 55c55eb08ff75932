/** A voice, to be judged by: a sentence through the speech endpoint, heard at the chosen pace. */
import { delivery } from "../api/capabilities";
import { api, ask } from "../api/client";
import { Player } from "../audio/player";
import { type OfferedVoice, sample } from "./voices";

export class Sample {
  private readonly player = new Player();
  private request: AbortController | null = null;

  /** Resolves when it has been heard, or was stopped. To be called from a press. */
  async hear(voice: OfferedVoice): Promise<void> {
    this.stop();
    const request = (this.request = new AbortController());
    this.player.wake();
    try {
      const { speed } = await delivery();
      const body = { input: sample(voice.language), voice: voice.name, speed, response_format: "mp3" as const };
      const sound = await ask(api.POST("/v1/audio/speech", { body, parseAs: "arrayBuffer", signal: request.signal }));
      const buffer = await this.player.decode(sound as unknown as ArrayBuffer);
      if (request.signal.aborted) return;
      await new Promise<void>((heard) => {
        this.player.onIdle = heard;
        this.player.play(buffer);
      });
    } catch (error) {
      if (!request.signal.aborted) throw error;
    }
  }

  stop(): void {
    this.request?.abort();
    this.request = null;
    if (this.player.busy) this.player.stop();
  }
}
