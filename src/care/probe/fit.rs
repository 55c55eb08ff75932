//! Logistic regression with an L2 penalty: convex, so that the same data give the same weights.

/// Passes over the data; far past where the weights still move.
const ROUNDS: usize = 600;

/// Rounds of the power method, which finds how steep the loss can be.
const POWER_ROUNDS: usize = 40;

/// Weights of one linear classifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    pub(super) weights: Vec<f64>,
    pub(super) bias: f64,
}

/// Mean and scale of each column, over all rows.
pub(super) struct Scaling {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaling {
    pub(super) fn of(rows: &[Vec<f32>]) -> Self {
        let width = rows.first().map_or(0, Vec::len);
        let count = rows.len().max(1) as f64;
        let mut mean = vec![0.0; width];
        for row in rows {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / count);
        }
        let mut scale = vec![0.0; width];
        for row in rows {
            let deviations = scale.iter_mut().zip(&mean).zip(row);
            deviations.for_each(|((scale, mean), value)| *scale += (f64::from(*value) - mean).powi(2) / count);
        }
        // A column that never moves says nothing.
        scale.iter_mut().for_each(|scale| *scale = if *scale > 1e-12 { scale.sqrt() } else { f64::INFINITY });
        Self { mean, scale }
    }

    pub(super) fn apply(&self, row: &[f32]) -> Vec<f64> {
        let columns = row.iter().zip(&self.mean).zip(&self.scale);
        columns.map(|((value, mean), scale)| (f64::from(*value) - mean) / scale).collect()
    }

    /// The same classifier for rows that are not scaled.
    pub(super) fn fold_into(&self, linear: &Linear) -> Linear {
        let weights: Vec<f64> = linear.weights.iter().zip(&self.scale).map(|(weight, scale)| weight / scale).collect();
        let bias = linear.bias - dot(&weights, &self.mean);
        Linear { weights, bias }
    }
}

/// Tells the rows whose label is `true` from the others. `c` is the inverse of the penalty, as in LIBLINEAR: the loss is
/// `c · Σ log(1 + exp(-y·score)) + ½|weights|²`. Each row counts by its weight in `counts`.
pub(super) fn logistic(rows: &[Vec<f64>], labels: &[bool], counts: &[f64], c: f64) -> Linear {
    let width = rows.first().map_or(0, Vec::len);
    let step = 1.0 / (0.25 * c * steepest(rows, counts) + 1.0);
    // Nesterov's method. The bias is the last entry, and is not penalised.
    let mut at = vec![0.0; width + 1];
    let mut ahead = at.clone();
    let mut momentum = 1.0_f64;
    for _ in 0..ROUNDS {
        let mut gradient: Vec<f64> = ahead[..width].to_vec();
        gradient.push(0.0);
        for ((row, label), count) in rows.iter().zip(labels).zip(counts) {
            let score = dot(&ahead[..width], row) + ahead[width];
            let wrong = c * count * (1.0 / (1.0 + (-score).exp()) - f64::from(u8::from(*label)));
            gradient[..width].iter_mut().zip(row).for_each(|(gradient, value)| *gradient += wrong * value);
            gradient[width] += wrong;
        }
        let next: Vec<f64> = ahead.iter().zip(&gradient).map(|(at, gradient)| at - step * gradient).collect();
        let following = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        let push = (momentum - 1.0) / following;
        ahead = next.iter().zip(&at).map(|(next, at)| next + push * (next - at)).collect();
        (at, momentum) = (next, following);
    }
    let bias = at.pop().unwrap_or(0.0);
    Linear { weights: at, bias }
}

/// The largest eigenvalue of the rows' weighted covariance, a column of ones beside them.
fn steepest(rows: &[Vec<f64>], counts: &[f64]) -> f64 {
    let width = rows.first().map_or(0, Vec::len);
    let mut direction = vec![1.0 / ((width + 1) as f64).sqrt(); width + 1];
    let mut largest = 0.0;
    for _ in 0..POWER_ROUNDS {
        let mut next = vec![0.0; width + 1];
        for (row, count) in rows.iter().zip(counts) {
            let along = count * (dot(&direction[..width], row) + direction[width]);
            next[..width].iter_mut().zip(row).for_each(|(next, value)| *next += along * value);
            next[width] += along;
        }
        largest = dot(&next, &next).sqrt();
        if largest <= 0.0 {
            return 0.0;
        }
        direction = next.iter().map(|value| value / largest).collect();
    }
    // The method comes from below.
    largest * 1.05
}

pub(super) fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of two clouds, drawn by a fixed rule.
    fn clouds() -> (Vec<Vec<f32>>, Vec<bool>) {
        let mut state = 7_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let labels: Vec<bool> = (0..200).map(|at| at % 2 == 0).collect();
        let rows = labels
            .iter()
            .map(|label| {
                let centre = if *label { 0.4 } else { -0.4 };
                vec![centre + noise(), 100.0 * (noise() - centre), noise(), 3.0]
            })
            .collect();
        (rows, labels)
    }

    fn score(linear: &Linear, row: &[f64]) -> f64 {
        dot(&linear.weights, row) + linear.bias
    }

    #[test]
    fn clouds_are_told_apart_and_the_gradient_is_gone() {
        let (rows, labels) = clouds();
        let scaling = Scaling::of(&rows);
        let scaled: Vec<Vec<f64>> = rows.iter().map(|row| scaling.apply(row)).collect();
        let counts = vec![1.0; rows.len()];
        let fitted = logistic(&scaled, &labels, &counts, 0.1);
        let right = scaled.iter().zip(&labels).filter(|(row, label)| (score(&fitted, row) > 0.0) == **label).count();
        assert!(right >= 190, "{right}");
        for column in 0..4 {
            let slope: f64 = scaled
                .iter()
                .zip(&labels)
                .map(|(row, label)| {
                    let chance = 1.0 / (1.0 + (-score(&fitted, row)).exp());
                    0.1 * (chance - f64::from(u8::from(*label))) * row[column]
                })
                .sum();
            assert!((slope + fitted.weights[column]).abs() < 1e-6, "column {column}: {slope}");
        }
        assert_eq!(fitted.weights[3], 0.0, "a column that never moves has no weight");
    }

    #[test]
    fn scaling_folds_into_the_weights() {
        let (rows, _) = clouds();
        let scaling = Scaling::of(&rows);
        let linear = Linear { weights: vec![0.5, -1.0, 2.0, 4.0], bias: 0.25 };
        let folded = scaling.fold_into(&linear);
        for row in &rows {
            let plain: Vec<f64> = row.iter().copied().map(f64::from).collect();
            assert!((score(&folded, &plain) - score(&linear, &scaling.apply(row))).abs() < 1e-9);
        }
    }
}
