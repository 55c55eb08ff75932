//! Which language each conversation was last heard in, so that its next clip needn't be heard twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::ids::SessionId;
use crate::providers::stt::Transcription;

/// Past so many conversations all are forgotten: it only costs each a second look.
const MOST_SESSIONS: usize = 4096;

#[derive(Default)]
pub(super) struct Languages(Mutex<HashMap<SessionId, String>>);

impl Languages {
    /// ISO 639-1, where anything was heard.
    pub(super) fn last(&self, session: SessionId) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&session).cloned()
    }

    /// Remembers what a clip was heard in, where any words were.
    pub(super) fn note(&self, session: SessionId, heard: &Transcription) {
        let Some(language) = heard.language.as_ref().filter(|_| !heard.text.trim().is_empty()) else { return };
        let mut languages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if languages.len() >= MOST_SESSIONS && !languages.contains_key(&session) {
            languages.clear();
        }
        languages.insert(session, language.clone());
    }
}
