//! What a driver has at one moment, for tests that count: what connections leave behind must not grow with their number.

/// The list of counts: each is a field, is added up, and has its name in JavaScript.
macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counts, summed over the threads of an environment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Census {
            $($(#[doc = $doc])+ pub $name: u32,)+
        }

        impl Census {
            /// Adds another thread's.
            pub fn add(&mut self, other: &Census) {
                $(self.$name += other.$name;)+
            }

            /// Each with its name.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u32)> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

counts! {
    /// Connections that are open.
    connections,
    /// Connections under way.
    connecting,
    /// Places for connections: as many as were ever open together.
    slots,
    /// Of these, places that nobody has.
    free,
    /// Deadlines to be looked at.
    deadlines,
    /// Places that wait to be polled or sent for.
    queued,
    /// Servers that accept.
    servers,
    /// Buffers for output, lent to nobody.
    buffers,
    /// Blocks to read into, in use by nobody.
    blocks,
    /// Bytes of records that have not been taken.
    undelivered,
    /// Buffers of JavaScript's that the inline driver reads into.
    slabs,
}
