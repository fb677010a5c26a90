//! What a driver has at one moment, for tests that count: what connections leave behind must not grow with their number.

/// Counts, summed over the threads of an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Connections that are open.
    pub connections: u32,
    /// Connections under way.
    pub connecting: u32,
    /// Places for connections: as many as were ever open together.
    pub slots: u32,
    /// Of these, places that nobody has.
    pub free: u32,
    /// Deadlines to be looked at.
    pub deadlines: u32,
    /// Places that wait to be polled or sent for.
    pub queued: u32,
    /// Servers that accept.
    pub servers: u32,
    /// Buffers for output, lent to nobody.
    pub buffers: u32,
    /// Blocks to read into, in use by nobody.
    pub blocks: u32,
    /// Bytes of records that have not been taken.
    pub undelivered: u32,
}

impl Census {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Census) {
        self.connections += other.connections;
        self.connecting += other.connecting;
        self.slots += other.slots;
        self.free += other.free;
        self.deadlines += other.deadlines;
        self.queued += other.queued;
        self.servers += other.servers;
        self.buffers += other.buffers;
        self.blocks += other.blocks;
        self.undelivered += other.undelivered;
    }
}
