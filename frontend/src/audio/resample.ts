/** Changes the sample rate of a stream of mono samples, piece by piece, without clicks between pieces. */

/** Zero crossings of the sinc on either side. */
const CROSSINGS = 12;
/** Entries of the filter's table between two zero crossings; in between it is interpolated. */
const RESOLUTION = 512;

/** The right half of the filter: a sinc under a Hann window. */
const FILTER = Float32Array.from({ length: CROSSINGS * RESOLUTION + 2 }, (_, at) => {
  const distance = at / RESOLUTION;
  if (distance === 0) return 1;
  if (distance >= CROSSINGS) return 0;
  const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / CROSSINGS);
  return (window * Math.sin(Math.PI * distance)) / (Math.PI * distance);
});

/**
 * Band-limited interpolation with a Hann-windowed sinc (J. O. Smith, "Digital Audio Resampling"). The filter is as wide
 * as the lower of the two rates demands, so that nothing above half of it folds back.
 */
export class Resampler {
  private readonly step: number;
  private readonly cutoff: number;
  private readonly reach: number;
  private kept: Float32Array = new Float32Array(0);
  /** Of the next output, in samples of `kept`. */
  private position: number;

  constructor(from: number, to: number) {
    this.step = from / to;
    this.cutoff = Math.min(1, to / from);
    this.reach = Math.ceil(CROSSINGS / this.cutoff);
    this.kept = new Float32Array(this.reach);
    this.position = this.reach;
  }

  push(samples: Float32Array): Float32Array<ArrayBuffer> {
    if (this.step === 1) return samples.slice() as Float32Array<ArrayBuffer>;
    const input = new Float32Array(this.kept.length + samples.length);
    input.set(this.kept);
    input.set(samples, this.kept.length);
    const out: number[] = [];
    while (this.position + this.reach < input.length) {
      out.push(this.at(input, this.position));
      this.position += this.step;
    }
    const used = Math.max(0, Math.floor(this.position) - this.reach);
    this.kept = input.slice(used);
    this.position -= used;
    return Float32Array.from(out);
  }

  /** What is left inside, as if silence followed. */
  flush(): Float32Array<ArrayBuffer> {
    return this.step === 1 ? new Float32Array(0) : this.push(new Float32Array(this.reach));
  }

  private at(input: Float32Array, position: number): number {
    const first = Math.max(0, Math.ceil(position - this.reach));
    const last = Math.min(input.length - 1, Math.floor(position + this.reach));
    let sum = 0;
    for (let index = first; index <= last; index++) {
      const place = Math.abs(index - position) * this.cutoff * RESOLUTION;
      const entry = Math.floor(place);
      const low = FILTER[entry] ?? 0;
      const high = FILTER[entry + 1] ?? 0;
      sum += (input[index] ?? 0) * (low + (high - low) * (place - entry));
    }
    return sum * this.cutoff;
  }
}
