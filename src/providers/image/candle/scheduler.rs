//! The way from noise to a picture: DDIM (<https://arxiv.org/abs/2010.02502>), Euler's steps, and Euler's with fresh noise
//! (<https://github.com/crowsonkb/k-diffusion>), over the noise that a model was trained with, as diffusers walks them.
//!
//! Each step of each of them is a sum of three: what there is, what the model says, and new noise. So a way is a table of
//! factors. candle's own schedulers draw their noise from a source that can't be seeded, and round the timesteps otherwise.

use serde::Deserialize;

use super::layout::Unfit;

/// `scheduler_config.json`. What is not there is as diffusers has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SchedulerConfig {
    #[serde(rename = "_class_name")]
    class: String,
    #[serde(default = "train_timesteps")]
    num_train_timesteps: usize,
    #[serde(default = "beta_start")]
    beta_start: f64,
    #[serde(default = "beta_end")]
    beta_end: f64,
    #[serde(default = "linear")]
    beta_schedule: String,
    #[serde(default = "epsilon")]
    prediction_type: String,
    #[serde(default)]
    steps_offset: usize,
    timestep_spacing: Option<String>,
    #[serde(default = "yes")]
    set_alpha_to_one: bool,
    clip_sample: Option<bool>,
    #[serde(default)]
    thresholding: bool,
    #[serde(default)]
    rescale_betas_zero_snr: bool,
    #[serde(default)]
    use_karras_sigmas: bool,
    trained_betas: Option<serde_json::Value>,
}

fn train_timesteps() -> usize {
    1000
}

fn beta_start() -> f64 {
    0.0001
}

fn beta_end() -> f64 {
    0.02
}

fn linear() -> String {
    "linear".into()
}

fn epsilon() -> String {
    "epsilon".into()
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Ddim,
    Euler,
    EulerAncestral,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Leading,
    Linspace,
    Trailing,
}

/// What the model says of a noisy picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prediction {
    Noise,
    /// <https://arxiv.org/abs/2202.00512>, section 4.
    Velocity,
}

#[derive(Debug, Clone)]
pub(super) struct Scheduler {
    way: Way,
    spacing: Spacing,
    prediction: Prediction,
    steps_offset: usize,
    /// How much of the picture is left after each of the training's steps, in [0, 1].
    kept: Vec<f64>,
    /// Behind the last step.
    kept_at_last: f64,
}

/// A way of so many steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// What the first noise is multiplied by.
    pub(super) first: f64,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) timestep: f64,
    /// What the latent is multiplied by before the model sees it.
    pub(super) shown: f64,
    /// The next latent: `sample` of this one, `output` of what the model said, `noise` of new noise.
    pub(super) sample: f64,
    pub(super) output: f64,
    pub(super) noise: f64,
}

impl SchedulerConfig {
    /// # Errors
    /// `Unfit` where it asks for what is not known here.
    pub(super) fn validate(&self) -> Result<Scheduler, Unfit> {
        let other = |key: &'static str, found: &dyn std::fmt::Display, known: &'static str| {
            Err(Unfit::Setting { file: "scheduler_config.json", key, found: found.to_string(), known })
        };
        let way = match self.class.as_str() {
            // Of PNDM only the training's noise is taken: DDIM walks it in as many calls of the model as there are steps.
            "DDIMScheduler" | "PNDMScheduler" => Way::Ddim,
            "EulerDiscreteScheduler" => Way::Euler,
            "EulerAncestralDiscreteScheduler" => Way::EulerAncestral,
            class => {
                let known = "DDIMScheduler, PNDMScheduler, EulerDiscreteScheduler, EulerAncestralDiscreteScheduler";
                return other("_class_name", &class, known);
            }
        };
        let spacing = match (self.timestep_spacing.as_deref(), way) {
            (Some("leading"), _) | (None, Way::Ddim) => Spacing::Leading,
            (Some("linspace"), _) | (None, _) => Spacing::Linspace,
            (Some("trailing"), _) => Spacing::Trailing,
            (Some(spacing), _) => return other("timestep_spacing", &spacing, "leading, linspace, trailing"),
        };
        let prediction = match self.prediction_type.as_str() {
            "epsilon" => Prediction::Noise,
            "v_prediction" => Prediction::Velocity,
            prediction => return other("prediction_type", &prediction, "epsilon, v_prediction"),
        };
        let clips = self.clip_sample.unwrap_or(self.class == "DDIMScheduler") && way == Way::Ddim;
        for (key, set) in [
            ("clip_sample", clips),
            ("thresholding", self.thresholding),
            ("rescale_betas_zero_snr", self.rescale_betas_zero_snr),
            ("use_karras_sigmas", self.use_karras_sigmas),
            ("trained_betas", self.trained_betas.is_some()),
        ] {
            if set {
                return other(key, &"set", "only where it is not set");
            }
        }
        let range = |value: f64| value > 0.0 && value < 1.0;
        let count = self.num_train_timesteps;
        if !(2..=10_000).contains(&count) || !range(self.beta_start) || !range(self.beta_end) {
            return other("num_train_timesteps", &count, "2 to 10000, with betas between 0 and 1");
        }
        if self.steps_offset >= count {
            return other("steps_offset", &self.steps_offset, "less than num_train_timesteps");
        }
        let (from, to, power) = match self.beta_schedule.as_str() {
            "linear" => (self.beta_start, self.beta_end, 1),
            "scaled_linear" => (self.beta_start.sqrt(), self.beta_end.sqrt(), 2),
            schedule => return other("beta_schedule", &schedule, "linear, scaled_linear"),
        };
        let betas = (0..count).map(|i| (from + (to - from) * i as f64 / (count - 1) as f64).powi(power));
        let kept: Vec<f64> = betas
            .scan(1.0, |kept, beta| {
                *kept *= 1.0 - beta;
                Some(*kept)
            })
            .collect();
        let kept_at_last = if self.set_alpha_to_one { 1.0 } else { kept[0] };
        Ok(Scheduler { way, spacing, prediction, steps_offset: self.steps_offset, kept, kept_at_last })
    }
}

impl Scheduler {
    /// Of a model that was taught to paint in a few steps: <https://arxiv.org/abs/2311.17042>. Its maker says so by where
    /// the steps lie.
    pub(super) fn is_distilled(&self) -> bool {
        self.way != Way::Ddim && self.spacing == Spacing::Trailing
    }

    /// At most one step for each of the training's.
    pub(super) fn plan(&self, steps: usize) -> Plan {
        let timesteps = self.timesteps(steps.clamp(1, self.kept.len()));
        if self.way == Way::Ddim {
            let stride = self.kept.len() / timesteps.len();
            return Plan { first: 1.0, steps: timesteps.iter().map(|&at| self.ddim(at, stride)).collect() };
        }
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&at| self.sigma(at)).collect();
        sigmas.push(0.0);
        let most = sigmas.iter().copied().fold(0.0, f64::max);
        let first = if self.spacing == Spacing::Leading { most.hypot(1.0) } else { most };
        let steps = timesteps.iter().zip(sigmas.windows(2)).map(|(&at, pair)| self.euler(at, pair[0], pair[1]));
        Plan { first, steps: steps.collect() }
    }

    /// From the noisiest on; table 2 of <https://arxiv.org/abs/2305.08891>.
    fn timesteps(&self, steps: usize) -> Vec<f64> {
        let count = self.kept.len();
        let last = (count - 1) as f64;
        let at = |step: usize| match self.spacing {
            Spacing::Leading => ((steps - 1 - step) * (count / steps) + self.steps_offset) as f64,
            Spacing::Trailing => (count as f64 * (1.0 - step as f64 / steps as f64)).round_ties_even() - 1.0,
            Spacing::Linspace => {
                let exact = if steps == 1 { 0.0 } else { last * (steps - 1 - step) as f64 / (steps - 1) as f64 };
                if self.way == Way::Ddim { exact.round_ties_even() } else { exact }
            }
        };
        (0..steps).map(|step| at(step).clamp(0.0, last)).collect()
    }

    fn ddim(&self, timestep: f64, stride: usize) -> Step {
        let at = timestep as usize;
        let kept = self.kept[at];
        let next = at.checked_sub(stride).map_or(self.kept_at_last, |at| self.kept[at]);
        let (picture, noise) = (kept.sqrt(), (1.0 - kept).sqrt());
        let (next_picture, next_noise) = (next.sqrt(), (1.0 - next).sqrt());
        let (sample, output) = match self.prediction {
            Prediction::Noise => (next_picture / picture, next_noise - next_picture * noise / picture),
            Prediction::Velocity => {
                (next_picture * picture + next_noise * noise, next_noise * picture - next_picture * noise)
            }
        };
        Step { timestep, shown: 1.0, sample, output, noise: 0.0 }
    }

    fn euler(&self, timestep: f64, from: f64, to: f64) -> Step {
        let noise = match self.way {
            Way::EulerAncestral => (to.powi(2) * (from.powi(2) - to.powi(2)) / from.powi(2)).sqrt(),
            _ => 0.0,
        };
        let length = (to.powi(2) - noise.powi(2)).sqrt() - from;
        let shown = 1.0 / from.hypot(1.0);
        let (sample, output) = match self.prediction {
            Prediction::Noise => (1.0, length),
            Prediction::Velocity => (1.0 + length * from * shown.powi(2), length * shown),
        };
        Step { timestep, shown, sample, output, noise }
    }

    /// Noise over picture at a timestep, which may lie between two.
    fn sigma(&self, timestep: f64) -> f64 {
        let of = |at: usize| ((1.0 - self.kept[at]) / self.kept[at]).sqrt();
        let below = timestep.floor() as usize;
        let above = (below + 1).min(self.kept.len() - 1);
        of(below) + (of(above) - of(below)) * timestep.fract()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduler(json: &str) -> Result<Scheduler, Unfit> {
        serde_json::from_str::<SchedulerConfig>(json).unwrap().validate()
    }

    #[test]
    fn the_steps_lie_where_diffusers_puts_them() {
        let of = |class: &str, spacing: &str, steps: usize| {
            let json = format!(
                r#"{{"_class_name": "{class}", "timestep_spacing": "{spacing}", "steps_offset": 1, "clip_sample": false}}"#
            );
            scheduler(&json).unwrap().timesteps(steps)
        };
        assert_eq!(of("DDIMScheduler", "leading", 4), [751.0, 501.0, 251.0, 1.0]);
        assert_eq!(of("DDIMScheduler", "linspace", 4), [999.0, 666.0, 333.0, 0.0]);
        assert_eq!(of("EulerDiscreteScheduler", "trailing", 3), [999.0, 666.0, 332.0]);
        assert_eq!(of("EulerDiscreteScheduler", "trailing", 1), [999.0]);
        assert_eq!(of("EulerDiscreteScheduler", "linspace", 3), [999.0, 499.5, 0.0]);
    }

    #[test]
    fn what_is_not_known_is_named() {
        let unknown = [
            (r#"{"_class_name": "UniPCMultistepScheduler"}"#, "UniPCMultistepScheduler"),
            (r#"{"_class_name": "DDIMScheduler"}"#, "clip_sample"),
            (r#"{"_class_name": "PNDMScheduler", "prediction_type": "sample"}"#, "sample"),
            (r#"{"_class_name": "PNDMScheduler", "num_train_timesteps": 0}"#, "num_train_timesteps"),
            (r#"{"_class_name": "PNDMScheduler", "beta_schedule": "squaredcos_cap_v2"}"#, "squaredcos_cap_v2"),
        ];
        for (json, named) in unknown {
            let error = scheduler(json).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
