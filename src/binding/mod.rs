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
mod memory;
mod port;
mod shortage;
#[cfg(unix)]
mod slabs;
mod turn;
#[cfg(unix)]
mod uv;
mod wake;

/// Payloads are allocated on one thread and freed on another, at the rate of the traffic: the system's allocator gives their pages
/// back and faults them in again each time (measured: raw echo of 64 KB).
/// `npm run check:memory` builds without it: a sanitizer sees only the system's.
#[cfg(not(system_allocator))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
