//! Noise that a seed decides, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Draws so many numbers of a standard normal distribution, each time others.
pub(super) fn seeded(seed: u64) -> impl FnMut(usize) -> Vec<f32> {
    let mut source = ChaCha8Rng::seed_from_u64(seed);
    move |count| (0..count).map(|_| StandardNormal.sample(&mut source)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_seed_decides_it_for_good() {
        let drawn = super::seeded(42)(3);
        let rounded: Vec<i64> = drawn.iter().map(|number| (f64::from(*number) * 1e4).round() as i64).collect();
        assert_eq!(rounded, [4780, 13341, -2109]);
        let many = super::seeded(1)(10_000);
        let mean = many.iter().sum::<f32>() / 1e4;
        let spread = many.iter().map(|number| (number - mean).powi(2)).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.03 && (spread - 1.0).abs() < 0.05, "{mean}, {spread}");
    }
}
