/** Hands the microphone's samples to the page, about 20 ms at a time. Runs on the audio thread. */

const FRAMES = 1024;

class Capture extends AudioWorkletProcessor {
  private piece = new Float32Array(FRAMES);
  private filled = 0;

  override process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (!channel) return true;
    for (const sample of channel) {
      this.piece[this.filled++] = sample;
      if (this.filled === FRAMES) {
        this.port.postMessage(this.piece, [this.piece.buffer]);
        this.piece = new Float32Array(FRAMES);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
