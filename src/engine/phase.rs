//! How far a connection has come, whatever it speaks.

/// What a connection is in the midst of; deadlines depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between messages.
    Idle,
    /// Part of a head is in.
    Head,
    /// Part of a body is in.
    Body,
    /// An upgrade candidate waits for a decision.
    AwaitingDecision,
    /// Another protocol has the connection.
    Upgraded,
    /// A parse error has been reported.
    Failed,
}
