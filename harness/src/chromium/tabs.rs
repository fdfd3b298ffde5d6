//! Which tab an event is about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::tab::Tab;

/// All tabs, by the browsing contexts in them: the tab's own, those of its frames, and those of the
/// windows that its pages opened.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    contexts: Mutex<BTreeMap<String, Arc<Tab>>>,
}

impl Tabs {
    /// A tab for a new top-level context.
    pub(super) fn add(&self, context: &str) -> Arc<Tab> {
        let tab = Arc::new(Tab::new(context.to_owned()));
        self.lock().insert(context.to_owned(), Arc::clone(&tab));
        tab
    }

    /// The tab that a context belongs to.
    pub(super) fn of(&self, context: &str) -> Option<Arc<Tab>> {
        self.lock().get(context).cloned()
    }

    /// A context that another one made: a frame, or a window that a page opened.
    pub(super) fn belongs(&self, context: &str, to: &str) {
        let mut contexts = self.lock();
        if let Some(tab) = contexts.get(to).cloned() {
            contexts.entry(context.to_owned()).or_insert(tab);
        }
    }

    /// A context that is gone.
    pub(super) fn remove(&self, context: &str) {
        self.lock().remove(context);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Tab>>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
