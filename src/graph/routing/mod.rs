//! Which way a message is answered: a picture or a spoken reply only where it is explicitly asked for.
//!
//! A message in which no word speaks of pictures or of hearing goes straight on, in microseconds. Of the others the
//! patterns judge, or, where there is an able one, the model: "draw me a horse" and "draw me a bath" differ in nothing
//! that patterns see.

mod judge;
mod patterns;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::route::Route;
use crate::providers::llm::LanguageModel;

use judge::RouteJudge;
use patterns::RoutePatterns;

pub struct RouteClassifier {
    patterns: RoutePatterns,
    judge: Option<RouteJudge>,
}

impl RouteClassifier {
    /// `judge` is asked of doubtful messages; without it the patterns decide. `name` is the character's, by which the
    /// person may speak to it.
    pub fn new(judge: Option<Arc<dyn LanguageModel>>, name: &str) -> Self {
        Self { patterns: RoutePatterns::new(name), judge: judge.map(RouteJudge::new) }
    }

    /// Lets the judge compute what its prompt begins with.
    pub async fn prepare(&self) {
        if let Some(judge) = &self.judge
            && let Err(error) = judge.prepare().await
        {
            tracing::debug!(error = %error, "the routing prompt was not prepared");
        }
    }

    /// Where the judge fails, the patterns decide.
    pub async fn route(&self, message: &str, cancel: CancellationToken) -> Route {
        if !patterns::speaks_of_pictures_or_hearing(message) {
            return Route::Conversation;
        }
        if let Some(judge) = &self.judge {
            match judge.route(message, cancel).await {
                Ok(route) => return route,
                Err(error) => tracing::warn!(error = %error, "no judgement of the route: the patterns decide"),
            }
        }
        self.patterns.route(message)
    }
}
