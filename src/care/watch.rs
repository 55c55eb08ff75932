//! The layers together. What takes time is begun as soon as the words are known, and waited for where Rose would speak.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tracing::warn;

use super::{Alarm, DangerJudge, Layer, Level, Probe, Reading};
use crate::providers::ProviderError;

/// Messages of the person's that are judged together: hints add up.
const MESSAGES: usize = 3;

/// A layer that takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(4);

/// Verdicts that are kept, so that what was judged while the person spoke isn't judged again.
const KEPT: usize = 32;

/// The layers that take time; those that a process has.
pub struct Care {
    probe: Option<Arc<Probe>>,
    judge: Option<Arc<DangerJudge>>,
    recent: Mutex<VecDeque<(Vec<String>, Watch)>>,
}

/// A verdict on its way.
#[derive(Clone)]
pub struct Watch(Shared<BoxFuture<'static, Option<Alarm>>>);

impl Watch {
    /// The alarm, where there is one. Waits for the layers, at most a few seconds.
    pub async fn verdict(&self) -> Option<Alarm> {
        self.0.clone().await
    }
}

impl Care {
    pub fn new(probe: Option<Probe>, judge: Option<DangerJudge>) -> Self {
        Self { probe: probe.map(Arc::new), judge: judge.map(Arc::new), recent: Mutex::default() }
    }

    /// What listens, the patterns first.
    pub fn layers(&self) -> Vec<Layer> {
        let probe = self.probe.as_ref().map(|_| Layer::Probe);
        let judge = self.judge.as_ref().map(|_| Layer::Judge);
        [Some(Layer::Patterns), probe, judge].into_iter().flatten().collect()
    }

    /// Begins to judge the last of `said`, the person's messages in order. The same messages are judged once.
    pub fn watch(&self, said: &[&str]) -> Watch {
        let said: Vec<String> = said[said.len().saturating_sub(MESSAGES)..].iter().map(ToString::to_string).collect();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, watch)) = recent.iter().find(|(judged, _)| *judged == said) {
            return watch.clone();
        }
        let (probe, judge) = (self.probe.clone(), self.judge.clone());
        if probe.is_none() && judge.is_none() {
            return Watch(async { None }.boxed().shared());
        }
        let told = said.clone();
        // Goes on where nobody waits: whoever asks next finds the answer.
        let judged = tokio::spawn(async move {
            let texts: Vec<&str> = told.iter().map(String::as_str).collect();
            let by_probe = in_time(Layer::Probe, async {
                match &probe {
                    Some(probe) => Ok(of_reading(probe, probe.read(&texts).await?)),
                    None => Ok(None),
                }
            });
            let by_judge = in_time(Layer::Judge, async {
                match &judge {
                    Some(judge) => judge.judge(&texts).await,
                    None => Ok(None),
                }
            });
            let (by_probe, by_judge) = tokio::join!(by_probe, by_judge);
            Alarm::graver(by_probe, by_judge)
        });
        let watch = Watch(async { judged.await.unwrap_or_default() }.boxed().shared());
        if recent.len() >= KEPT {
            recent.pop_front();
        }
        recent.push_back((said, watch.clone()));
        watch
    }
}

fn of_reading(probe: &Probe, reading: Reading) -> Option<Alarm> {
    let (concern, danger) = probe.thresholds();
    let alarm = |level| Alarm { level, kind: reading.kind, layer: Layer::Probe };
    match reading.score {
        score if score >= danger => Some(alarm(Level::Danger)),
        score if score >= concern => Some(alarm(Level::Concern)),
        _ => None,
    }
}

async fn in_time(layer: Layer, judged: impl Future<Output = Result<Option<Alarm>, ProviderError>>) -> Option<Alarm> {
    let failed = |what: &dyn std::fmt::Display| {
        warn!(care.layer = layer.as_str(), error = %what, "a layer of care failed; the others stand");
        metrics::counter!("rose_care_layer_failures_total", "layer" => layer.as_str()).increment(1);
        None
    };
    match tokio::time::timeout(PATIENCE, judged).await {
        Ok(Ok(alarm)) => alarm,
        Ok(Err(error)) => failed(&error),
        Err(late) => failed(&late),
    }
}
