//! A platform without descriptors to share: `Port` has no `adopt` and no `copyDescriptor`, and a listener's is -1.

use std::io;

use crate::engine::net::listener::Bound;

/// No descriptor.
pub struct Descriptor;

impl Descriptor {
    /// The number of none.
    pub fn into_number(self) -> i32 {
        -1
    }
}

/// None of the listening socket.
///
/// # Errors
/// None.
pub fn of_listener(_: &Bound) -> io::Result<Descriptor> {
    Ok(Descriptor)
}
