//! Counts what backends are used for: in all, for the metrics; and for the turn in whose task the work is done.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::metering::{Unit, Used};
use crate::providers::Description;
use crate::telemetry::USED;

tokio::task_local! {
    static METER: Meter;
}

/// What one turn used. A clone is the same meter.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Vec<Used>>>);

impl Meter {
    /// Runs `work`; what it uses is counted here.
    pub async fn count<T>(&self, work: impl Future<Output = T>) -> T {
        METER.scope(self.clone(), work).await
    }

    /// Until now; one line for each model and unit.
    pub fn used(&self) -> Vec<Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, used: Used) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |other: &&mut Used| other.backend == used.backend && other.model == used.model && other.unit == used.unit;
        match all.iter_mut().find(same) {
            Some(other) => other.amount += used.amount,
            None => all.push(used),
        }
    }
}

/// The meter of the task that asks: to hand on to a task that it starts.
pub fn current() -> Meter {
    METER.try_with(Meter::clone).unwrap_or_default()
}

/// Notes that so much was used of a backend.
pub(crate) fn note(of: &Description, unit: Unit, amount: f64) {
    if amount <= 0.0 {
        return;
    }
    let thousandths = (amount * 1000.0).round() as u64;
    metrics::counter!(
        USED,
        "backend" => of.backend, "model" => of.model.clone(), "unit" => unit.as_str()
    )
    .increment(thousandths);
    let _ = METER.try_with(|meter| {
        meter.add(Used { backend: of.backend, model: of.model.clone(), unit, amount });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_counts_its_own_and_what_it_hands_on() {
        let groq = Description { backend: "groq", model: "a".into() };
        let (one, other) = (Meter::default(), Meter::default());
        note(&groq, Unit::Images, 7.0);
        one.count(async {
            note(&groq, Unit::PromptTokens, 10.0);
            let handed_on = current();
            let work = tokio::spawn(async move { handed_on.count(async { current_note() }).await });
            work.await.expect("no panic");
            note(&groq, Unit::PromptTokens, 5.0);
        })
        .await;
        let used: Vec<_> = one.used().into_iter().map(|used| (used.unit, used.amount)).collect();
        assert_eq!(used, [(Unit::PromptTokens, 15.0), (Unit::Characters, 3.0)]);
        assert_eq!(other.used(), []);
    }

    fn current_note() {
        note(&Description { backend: "elevenlabs", model: "b".into() }, Unit::Characters, 3.0);
    }
}
