//! Deadlines as values: when a connection has waited too long, told from times that the caller passes in. Nobody here asks a
//! clock. All times are milliseconds since one moment of the caller's choice.

use std::collections::BTreeSet;

/// A server's limits, in milliseconds; 0 switches one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the last response's departure to the first byte of the next request. Kept exactly.
    pub keep_alive: u64,
    /// From a message's first byte (or the connection's beginning) to the end of its head.
    pub headers: u64,
    /// From there to the end of the whole message.
    pub request: u64,
    /// `headers` and `request` are looked at only at multiples of this, counted from `origin`; 0: exactly when they pass.
    pub check_interval: u64,
    /// When the server began to listen.
    pub origin: u64,
}

/// Which limit has been passed; the numbers are those of the TIMEOUT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The head has not come.
    Head = 1,
    /// The message has not come.
    Request = 2,
    /// No further request has come.
    KeepAlive = 3,
}

/// What a connection is waiting for, and since when.
///
/// ```text
/// Head ─ head complete ► Message ─ message complete ► Nothing ─ responses gone ► Idle ─ first byte ► Head
/// any ─ expired ► Nothing
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Head(u64),
    Message(u64),
    Idle(u64),
}

/// One connection's waiting.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    waiting: Waiting,
}

impl Waits {
    /// A fresh connection owes a head, so that one which sends nothing does not stay for ever.
    pub fn new(now: u64) -> Waits {
        Waits {
            waiting: Waiting::Head(now),
        }
    }

    /// Part of a head is in; `fresh` when its first byte came with this read.
    pub fn in_head(&mut self, now: u64, fresh: bool) {
        if fresh || !matches!(self.waiting, Waiting::Head(_)) {
            self.waiting = Waiting::Head(now);
        }
    }

    /// The head is complete and the body is not; `fresh` when the message's first byte came with this read.
    pub fn in_body(&mut self, now: u64, fresh: bool) {
        self.waiting = match self.waiting {
            Waiting::Head(since) | Waiting::Message(since) if !fresh => Waiting::Message(since),
            _ => Waiting::Message(now),
        };
    }

    /// The last response has left and no byte of another request is in. `now` is asked only when that is news.
    pub fn idle_with(&mut self, now: impl FnOnce() -> u64) {
        if self.waiting == Waiting::Nothing {
            self.waiting = Waiting::Idle(now());
        }
    }

    /// Nothing of the peer's is outstanding; a request may be being answered.
    pub fn busy(&mut self) {
        self.waiting = Waiting::Nothing;
    }

    /// The next limit to be passed, and when.
    pub fn next(&self, timeouts: &Timeouts) -> Option<(u64, Expired)> {
        match self.waiting {
            Waiting::Nothing => None,
            Waiting::Idle(since) => {
                (timeouts.keep_alive > 0).then(|| (since + timeouts.keep_alive, Expired::KeepAlive))
            }
            Waiting::Message(since) => checked(timeouts, since, timeouts.request, Expired::Request),
            Waiting::Head(since) => {
                let head = checked(timeouts, since, timeouts.headers, Expired::Head);
                let message = checked(timeouts, since, timeouts.request, Expired::Request);
                match (head, message) {
                    (Some(head), Some(message)) if message.0 < head.0 => Some(message),
                    (Some(head), _) => Some(head),
                    (None, message) => message,
                }
            }
        }
    }

    /// The limit passed by `now`, once.
    pub fn expire(&mut self, now: u64, timeouts: &Timeouts) -> Option<Expired> {
        let (at, expired) = self.next(timeouts)?;
        if at > now {
            return None;
        }
        self.waiting = Waiting::Nothing;
        Some(expired)
    }
}

/// The first check at which `limit` milliseconds from `since` have passed.
fn checked(
    timeouts: &Timeouts,
    since: u64,
    limit: u64,
    expired: Expired,
) -> Option<(u64, Expired)> {
    if limit == 0 {
        return None;
    }
    let passed = since.saturating_add(limit);
    let at = match timeouts.check_interval {
        0 => passed,
        interval => {
            let checks = passed.saturating_sub(timeouts.origin).div_ceil(interval);
            timeouts
                .origin
                .saturating_add(checks.saturating_mul(interval))
        }
    };
    Some((at, expired))
}

/// When to look at which connection again. One entry per connection, never later than its deadline; it may be earlier, and is
/// then moved when it comes up, so that a connection in use does not touch the set.
#[derive(Debug, Default)]
pub struct Alarms {
    set: BTreeSet<(u64, u32)>,
}

impl Alarms {
    /// Sees to it that connection `id`, whose entry is `armed`, is looked at by `at`. Returns its entry.
    pub fn arm(&mut self, id: u32, armed: Option<u64>, at: u64) -> u64 {
        match armed {
            Some(armed) if armed <= at => armed,
            _ => {
                self.disarm(id, armed);
                self.set.insert((at, id));
                at
            }
        }
    }

    /// Removes the entry of connection `id`.
    pub fn disarm(&mut self, id: u32, armed: Option<u64>) {
        if let Some(armed) = armed {
            self.set.remove(&(armed, id));
        }
    }

    /// When the first entry comes up.
    pub fn first(&self) -> Option<u64> {
        self.set.first().map(|&(at, _)| at)
    }

    /// Takes an entry that has come up by `now`.
    pub fn take_due(&mut self, now: u64) -> Option<u32> {
        let &(at, id) = self.set.first()?;
        if at > now {
            return None;
        }
        self.set.pop_first();
        Some(id)
    }
}
