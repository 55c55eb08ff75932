//! Whether the services still have the models that the settings name. Vendors retire them; the next backend answers then, and
//! whoever runs Rose is to know before it has to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use jiff::civil::Date;

use super::catalogue::{Standing, list_models, standing};
use crate::config::{Config, ServiceModel, VendorModel, stale_vendor_models};
use crate::telemetry::VENDOR_MODEL_STATE;

pub struct ModelWatch {
    services: Vec<ServiceModel>,
    seen: Mutex<Vec<Watched>>,
}

/// A model of a service's, as it was last seen.
#[derive(Debug, Clone)]
pub struct Watched {
    /// As health calls it.
    pub port: &'static str,
    pub backend: &'static str,
    pub model: String,
    pub standing: Standing,
    /// The entry of the table of default models, where nobody has looked at it for long.
    pub stale: Option<VendorModel>,
}

impl ModelWatch {
    pub fn new(config: &Config) -> Self {
        Self { services: config.service_models(), seen: Mutex::default() }
    }

    /// What the last look saw, in the order of the ports; empty before the first.
    pub fn seen(&self) -> Vec<Watched> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks each service once, logs what is wrong, and counts it. Returns whether every list was had.
    pub async fn look(&self, today: Date) -> bool {
        let mut of_service: HashMap<(&str, &str), &ServiceModel> = HashMap::new();
        for service in &self.services {
            of_service.entry((service.backend, service.api.base_url.as_str())).or_insert(service);
        }
        let asked = of_service.into_iter().map(|(name, service)| async move { (name, list_models(service).await) });
        let lists: HashMap<_, _> = join_all(asked).await.into_iter().collect();
        let watched = |service: &ServiceModel| {
            let standing = match &lists[&(service.backend, service.api.base_url.as_str())] {
                Ok(list) => standing(service, list, today),
                Err(error) => Standing::Unknown(error.clone()),
            };
            let stale = stale_vendor_models(today).find(|one| one.model == service.model);
            Watched { port: service.port, backend: service.backend, model: service.model.clone(), standing, stale }
        };
        let seen: Vec<Watched> = self.services.iter().map(watched).collect();
        seen.iter().for_each(Watched::tell);
        let all = seen.iter().all(|one| !matches!(one.standing, Standing::Unknown(_)));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        all
    }
}

impl Watched {
    fn tell(&self) {
        let Self { port, backend, model, standing, stale } = self;
        let (port, backend, state) = (*port, *backend, standing.as_str());
        let instead = standing.instead().unwrap_or("another model of the service's");
        let figure = match standing {
            Standing::Unknown(_) => -1.0,
            Standing::Present => 0.0,
            Standing::Announced { .. } => 1.0,
            Standing::Inactive { .. } => 2.0,
            Standing::Gone { .. } => 3.0,
        };
        metrics::gauge!(VENDOR_MODEL_STATE, "backend" => backend, "model" => model.clone()).set(figure);
        match standing {
            Standing::Present => {}
            Standing::Announced { on, .. } => {
                let on = on.map_or("a day that is not named".to_owned(), |on| on.to_string());
                tracing::warn!(
                    port,
                    backend,
                    model,
                    state,
                    on,
                    instead,
                    "the service shuts this model off: name another one"
                );
            }
            Standing::Inactive { .. } | Standing::Gone { .. } => {
                tracing::warn!(
                    port,
                    backend,
                    model,
                    state,
                    instead,
                    "the service has this model no more: name another one"
                );
            }
            Standing::Unknown(error) => {
                tracing::info!(port, backend, model, state, error = %error, "whether the service has this model is not known");
            }
        }
        if let Some(VendorModel { looked_at, source, .. }) = stale {
            tracing::info!(port, backend, model, looked_at = %looked_at, source, "nobody has looked at this default for long");
        }
    }
}
