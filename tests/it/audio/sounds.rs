//! Sounds without a word in them.

use std::f32::consts::TAU;
use std::time::Duration;

use rose::domain::audio::{Clip, SampleRate};

/// White noise in [-1, 1], the same for the same seed.
pub(crate) fn noise(seed: u32) -> impl Iterator<Item = f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    std::iter::repeat_with(move || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    })
}

/// Each lasts `length`, with its name.
pub(crate) fn wordless(length: Duration) -> Vec<(&'static str, Clip)> {
    let samples = SampleRate::SPEECH.samples_in(length);
    let clip = |values: Vec<f32>| Clip::new(values, SampleRate::SPEECH);
    let hum = |t: usize| {
        let phase = TAU * 100.0 * t as f32 / SampleRate::SPEECH.0 as f32;
        0.2 * (phase.sin() + 0.5 * (2.0 * phase).sin() + 0.25 * (3.0 * phase).sin())
    };
    vec![
        ("silence", clip(vec![0.0; samples])),
        ("faint noise", clip(noise(1).take(samples).map(|value| 0.002 * value).collect())),
        ("white noise", clip(noise(2).take(samples).map(|value| 0.2 * value).collect())),
        ("hum", clip((0..samples).map(hum).collect())),
        ("breath", clip(breath(samples))),
        ("cough", clip(cough(samples))),
    ]
}

/// Noise without its high end that swells and fades every four seconds.
fn breath(samples: usize) -> Vec<f32> {
    let mut smooth = 0.0;
    let swell = |t: usize| (TAU * t as f32 / (4.0 * SampleRate::SPEECH.0 as f32)).sin().max(0.0);
    let low = noise(3).map(move |value| {
        smooth += 0.15 * (value - smooth);
        smooth
    });
    low.take(samples).enumerate().map(|(t, value)| 0.15 * swell(t) * value).collect()
}

/// A burst of noise with a sharp start, once, after half a second.
fn cough(samples: usize) -> Vec<f32> {
    let start = SampleRate::SPEECH.0 as usize / 2;
    let shape = |t: usize| match t.checked_sub(start) {
        Some(since) => 0.7 * (-(since as f32) / 1_600.0).exp(),
        None => 0.0,
    };
    noise(4).take(samples).enumerate().map(|(t, value)| shape(t) * value).collect()
}
