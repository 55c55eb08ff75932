import { describe, expect, it } from "vitest";

import { JitterBuffer } from "./jitter";
import { LevelMeter, rms } from "./level";
import { fromBase64, fromPcm16, joined, toBase64, toPcm16, wav } from "./pcm";
import { Resampler } from "./resample";

function tone(hertz: number, rate: number, seconds: number, amplitude = 0.5): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rate * seconds }, (_, at) => amplitude * Math.sin((2 * Math.PI * hertz * at) / rate));
}

function inPieces(resampler: Resampler, samples: Float32Array, size: number): Float32Array {
  const out: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += size) out.push(resampler.push(samples.slice(at, at + size)));
  out.push(resampler.flush());
  return joined(out);
}

describe("the resampler", () => {
  it.each([
    [48_000, 24_000],
    [44_100, 24_000],
    [16_000, 24_000],
    [48_000, 16_000],
  ])("keeps a tone's pitch, level and length from %d to %d", (from, to) => {
    const out = inPieces(new Resampler(from, to), tone(440, from, 0.25), 1024);
    expect(Math.abs(out.length - to / 4)).toBeLessThan(80);
    const wanted = tone(440, to, 0.25);
    const middle = (samples: Float32Array) => samples.slice(200, to / 4 - 400);
    const error = middle(out).map((sample, at) => sample - (middle(wanted)[at] ?? 0));
    expect(rms(error)).toBeLessThan(0.005);
  });

  it("gives the same whatever the size of the pieces", () => {
    const speech = tone(300, 48_000, 0.5);
    const one = inPieces(new Resampler(48_000, 24_000), speech, speech.length);
    const many = inPieces(new Resampler(48_000, 24_000), speech, 128);
    expect(many.length).toBe(one.length);
    expect(rms(many.map((sample, at) => sample - (one[at] ?? 0)))).toBeLessThan(1e-6);
  });

  it("lets nothing above half of the lower rate fold back", () => {
    const out = inPieces(new Resampler(48_000, 16_000), tone(11_000, 48_000, 0.5), 1024);
    expect(rms(out.slice(200, -200))).toBeLessThan(0.005);
  });
});

describe("the jitter buffer", () => {
  it("starts after its lead, and joins the pieces without a gap", () => {
    const buffer = new JitterBuffer(0.1);
    expect(buffer.schedule(1, 0.2)).toBeCloseTo(1.1);
    expect(buffer.schedule(1.05, 0.2)).toBeCloseTo(1.3);
    expect(buffer.schedule(1.49, 0.2)).toBeCloseTo(1.5);
    expect(buffer.underruns).toBe(0);
    expect(buffer.remaining(1.5)).toBeCloseTo(0.2);
  });

  it("holds back again after it ran dry", () => {
    const buffer = new JitterBuffer(0.1);
    buffer.schedule(0, 0.2);
    expect(buffer.schedule(2, 0.2)).toBeCloseTo(2.1);
    expect(buffer.underruns).toBe(1);
  });

  it("knows how much has been heard", () => {
    const buffer = new JitterBuffer(0.1);
    buffer.schedule(0, 1);
    expect(buffer.heard(0.05)).toBe(0);
    expect(buffer.heard(0.6)).toBeCloseTo(0.5);
    expect(buffer.heard(9)).toBeCloseTo(1);
    buffer.reset();
    expect(buffer.heard(9)).toBe(0);
  });
});

describe("the level meter", () => {
  it("rests in silence, rises fast and falls slowly", () => {
    const meter = new LevelMeter();
    const silence = new Float32Array(480);
    expect(meter.push(silence, 0.02)).toBe(0);
    const rise = meter.push(tone(200, 48_000, 0.02), 0.02);
    expect(rise).toBeGreaterThan(0.3);
    for (let at = 0; at < 20; at++) meter.push(tone(200, 48_000, 0.02), 0.02);
    expect(meter.level).toBeGreaterThan(0.9);
    expect(meter.push(silence, 0.02)).toBeGreaterThan(0.8);
    for (let at = 0; at < 100; at++) meter.push(silence, 0.02);
    expect(meter.level).toBeLessThan(0.01);
  });

  it("tells soft from loud", () => {
    const after = (amplitude: number) => {
      const meter = new LevelMeter();
      for (let at = 0; at < 50; at++) meter.push(tone(200, 48_000, 0.02, amplitude), 0.02);
      return meter.level;
    };
    expect(after(0.02)).toBeGreaterThan(0.2);
    expect(after(0.02)).toBeLessThan(after(0.2) - 0.2);
  });
});

describe("samples as bytes", () => {
  it("come back from PCM and base64 as they were", () => {
    const samples = tone(100, 8000, 0.1);
    const back = fromPcm16(fromBase64(toBase64(new Uint8Array(toPcm16(samples).buffer))));
    expect(rms(back.map((sample, at) => sample - (samples[at] ?? 0)))).toBeLessThan(1e-4);
  });

  it("are cut where they are too loud", () => {
    expect([...toPcm16(Float32Array.of(2, -2))]).toEqual([32767, -32767]);
  });

  it("carry a WAV header with rate and size", async () => {
    const blob = wav(new Float32Array(160), 16_000);
    expect(blob.size).toBe(44 + 320);
    const bytes = await new Promise<ArrayBuffer>((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result as ArrayBuffer);
      reader.readAsArrayBuffer(blob);
    });
    expect(new DataView(bytes).getUint32(24, true)).toBe(16_000);
    expect(new DataView(bytes).getUint32(40, true)).toBe(320);
  });
});
