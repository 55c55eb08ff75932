/** When each piece of a reply's sound is to start, so that pieces that come late or early still play without a gap. */

export class JitterBuffer {
  private end = 0;
  private started = 0;
  private gaps = 0;
  private scheduled = 0;

  /** `lead`: seconds that are held back before the first piece, and again after the buffer ran dry. */
  constructor(private readonly lead: number) {}

  /** The start of a piece of `duration` seconds that has come at `now`; all in the clock of the audio context. */
  schedule(now: number, duration: number): number {
    if (this.scheduled === 0 || this.end < now) {
      if (this.scheduled > 0) this.gaps += 1;
      this.end = now + this.lead;
    }
    if (this.scheduled === 0) this.started = this.end;
    const start = this.end;
    this.end += duration;
    this.scheduled += duration;
    return start;
  }

  /** Seconds of sound that have been heard at `now`. */
  heard(now: number): number {
    if (this.scheduled === 0) return 0;
    return Math.max(0, Math.min(this.scheduled, this.scheduled - (this.end - now), now - this.started));
  }

  /** Seconds until it has run dry. */
  remaining(now: number): number {
    return Math.max(0, this.end - now);
  }

  /** How often it ran dry between two pieces. */
  get underruns(): number {
    return this.gaps;
  }

  reset(): void {
    this.end = this.started = this.scheduled = this.gaps = 0;
  }
}
