//! How the drivers lock what threads share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// No code panics while it has one locked, and a poisoned one is as good as new.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
