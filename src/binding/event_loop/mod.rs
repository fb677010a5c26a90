//! The JavaScript thread's own event loop, as a platform supplies it (see `engine::net::platform`): one descriptor to watch, one alarm, a call in
//! its next round, and one when another thread asks. Where there is none, [`Loop::open`] gives nothing.
#![cfg_attr(not(unix), allow(dead_code))]

#[cfg(not(unix))]
mod absent;
#[cfg(unix)]
mod uv;

use std::rc::Rc;

#[cfg(not(unix))]
pub use self::absent::Loop;
#[cfg(unix)]
pub use self::uv::Loop;

/// Why the loop calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The descriptor is readable.
    Readable,
    /// The alarm has gone off.
    Alarm,
    /// It is the round that [`Loop::soon`] has asked for.
    Soon,
    /// Another thread has asked, perhaps several times.
    Woken,
}

/// What the loop calls; always on the thread of the environment.
pub trait OnReady {
    /// See [`Why`].
    fn ready(self: Rc<Self>, why: Why);
    /// The environment goes: whoever may wake the loop must end, and the Loop be closed.
    fn going(self: Rc<Self>);
}
