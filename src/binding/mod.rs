//! The crossing into Node: everything that knows N-API.
//!
//! JavaScript sees one class, [`Port`](port::Port), and two tables. Records are read and written in two buffers of JavaScript's, only
//! inside calls on the JavaScript thread.

mod convert;
mod crossing;
#[cfg(unix)]
mod descriptors;
mod engine;
mod event_loop;
mod exception;
mod kept;
mod life;
mod local;
mod memory;
mod payloads;
mod port;
mod scope;
mod shortage;
mod slabs;
mod turn;
mod wake;
