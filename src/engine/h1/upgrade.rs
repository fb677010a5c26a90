//! A request to switch protocols (RFC 9110 §7.8), from its head to the decision about it.

/// How far the present message has come on its way to another protocol.
///
/// ```text
/// None ─ head asks for it ► Candidate ─ read exhausted, or message complete ► Announced ─ declined ► None
///                                                                                └ accepted ► Accepted (body to come)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// The message is an ordinary one.
    None,
    /// The head has asked; the read that brought it is being worked through.
    Candidate { seq: u32 },
    /// The sink has been told and owes a decision. All bytes are kept back.
    Announced {
        /// Whether the message's body was complete by then.
        complete: bool,
    },
    /// Accepted while the body is still coming; raw bytes follow it.
    Accepted,
}
