//! The crossing into Node: everything that knows N-API.
//!
//! JavaScript sees one class, [`Port`], and two tables. Records are read and written in two buffers of JavaScript's, only
//! inside calls on the JavaScript thread.

mod convert;
#[cfg(unix)]
mod descriptor;
mod exception;
#[cfg(unix)]
mod kept;
mod life;
mod port;
#[cfg(unix)]
mod slabs;
mod turn;
#[cfg(unix)]
mod uv;
mod wake;

use napi::bindgen_prelude::Object;
use napi_derive::napi;

/// The library stays in the process. Node unloads an addon with the last worker that has loaded it, but what ends with a thread, as the
/// allocator's and std's thread locals do, runs when Node has done with that thread, and would find no code.
#[napi(module_exports)]
pub fn stay(_exports: Object<'_>) -> napi::Result<()> {
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    Ok(())
}

/// Payloads are allocated on one thread and freed on another, at the rate of the traffic: the system's allocator gives their pages
/// back and faults them in again each time (measured: raw echo of 64 KB).
/// `npm run check:memory` builds without it: a sanitizer sees only the system's.
#[cfg(not(system_allocator))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
