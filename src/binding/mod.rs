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
#[cfg(unix)]
mod scope;
mod shortage;
#[cfg(unix)]
mod slabs;
mod turn;
#[cfg(unix)]
mod uv;
mod wake;
