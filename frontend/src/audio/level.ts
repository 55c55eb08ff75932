/** How loud it is, as the eye would have it: 0 is silence, 1 is as loud as speech gets. */

/** Decibels relative to full scale that are shown as 0 and as 1. */
const QUIET = -56;
const LOUD = -14;
/** Seconds in which it rises and falls by about two thirds. */
const ATTACK = 0.03;
const RELEASE = 0.22;

export function rms(samples: Float32Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

export class LevelMeter {
  private value = 0;

  /** `seconds` that these samples lasted, or since the last look. */
  push(samples: Float32Array, seconds: number): number {
    const decibels = 20 * Math.log10(rms(samples) + 1e-9);
    const target = Math.min(1, Math.max(0, (decibels - QUIET) / (LOUD - QUIET)));
    const slowness = target > this.value ? ATTACK : RELEASE;
    this.value += (target - this.value) * (1 - Math.exp(-seconds / slowness));
    return this.value;
  }

  get level(): number {
    return this.value;
  }

  reset(): void {
    this.value = 0;
  }
}
