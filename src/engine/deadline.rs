//! Timers as values: the caller says what time it is and asks what is due. No clock is read here and nothing sleeps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use super::layout::Expired;

/// When a server gives up on a peer. Durations of zero switch a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the last response to the first byte of another request; Node's keepAliveTimeout plus its buffer.
    pub keep_alive: Duration,
    /// From the start of the connection, or a message's first byte, to the end of its head; Node's headersTimeout.
    pub head: Duration,
    /// The same to the end of its body; Node's requestTimeout.
    pub request: Duration,
    /// Head and request limits are looked at only at multiples of this; Node's connectionsCheckingInterval.
    pub check_interval: Duration,
}

/// What a connection waits for, since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing with a limit.
    Nothing,
    /// The end of a head.
    Head(Instant),
    /// The end of a body, of the message begun then.
    Request(Instant),
    /// Another request.
    KeepAlive(Instant),
}

impl Timeouts {
    /// The moment `waiting` has lasted too long, and which limit that is. `started` is when the checks began.
    pub fn deadline(&self, waiting: Waiting, started: Instant) -> Option<(Instant, Expired)> {
        match waiting {
            Waiting::Nothing => None,
            Waiting::KeepAlive(since) => on(self.keep_alive).map(|limit| (since + limit, Expired::KeepAlive)),
            Waiting::Request(since) => {
                on(self.request).map(|limit| (self.next_check(since + limit, started), Expired::Request))
            }
            Waiting::Head(since) => {
                let head = on(self.head).map(|limit| (self.next_check(since + limit, started), Expired::Head));
                head.or_else(|| self.deadline(Waiting::Request(since), started))
            }
        }
    }

    /// Node looks at connections once an interval: the first look after `at`.
    fn next_check(&self, at: Instant, started: Instant) -> Instant {
        let interval = self.check_interval.as_nanos();
        if interval == 0 {
            return at;
        }
        let elapsed = at.saturating_duration_since(started).as_nanos();
        let checks = elapsed.div_ceil(interval);
        started + Duration::from_nanos((checks * interval).min(u64::MAX as u128) as u64)
    }
}

fn on(limit: Duration) -> Option<Duration> {
    (!limit.is_zero()).then_some(limit)
}

/// When to look at which connection again. A look that comes early is cheap and re-arms itself, so that a connection whose
/// deadline moves with every request is not touched here: an entry is only ever added when none is earlier.
#[derive(Debug, Default)]
pub struct Timers {
    entries: BTreeMap<(Instant, usize), ()>,
}

impl Timers {
    /// Looks at `key` at `at`. The caller remembers `at` as the key's armed time and does not arm it again before.
    pub fn arm(&mut self, at: Instant, key: usize) {
        self.entries.insert((at, key), ());
    }

    /// Forgets a look.
    pub fn disarm(&mut self, at: Instant, key: usize) {
        self.entries.remove(&(at, key));
    }

    /// How many looks there are to come.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The next moment anything is to be looked at.
    pub fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, _), ())| *at)
    }

    /// Takes one key whose moment has come.
    pub fn pop(&mut self, now: Instant) -> Option<usize> {
        let (&(at, key), ()) = self.entries.first_key_value()?;
        if at > now {
            return None;
        }
        self.entries.pop_first();
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeouts(check: u64) -> Timeouts {
        Timeouts {
            keep_alive: Duration::from_millis(6_000),
            head: Duration::from_millis(60_000),
            request: Duration::from_millis(300_000),
            check_interval: Duration::from_millis(check),
        }
    }

    #[test]
    fn keep_alive_is_exact_and_heads_wait_for_the_next_check() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let t = timeouts(30_000);
        assert_eq!(t.deadline(Waiting::KeepAlive(at(1)), start), Some((at(6_001), Expired::KeepAlive)));
        assert_eq!(t.deadline(Waiting::Head(at(1)), start), Some((at(90_000), Expired::Head)));
        assert_eq!(t.deadline(Waiting::Request(at(0)), start), Some((at(300_000), Expired::Request)));
        assert_eq!(timeouts(0).deadline(Waiting::Head(at(1)), start), Some((at(60_001), Expired::Head)));
        assert_eq!(t.deadline(Waiting::Nothing, start), None);
    }

    #[test]
    fn zero_switches_a_limit_off_and_a_head_then_falls_under_the_request_limit() {
        let start = Instant::now();
        let mut t = timeouts(0);
        t.head = Duration::ZERO;
        let expected = start + Duration::from_millis(300_000);
        assert_eq!(t.deadline(Waiting::Head(start), start), Some((expected, Expired::Request)));
        t.request = Duration::ZERO;
        assert_eq!(t.deadline(Waiting::Head(start), start), None);
        t.keep_alive = Duration::ZERO;
        assert_eq!(t.deadline(Waiting::KeepAlive(start), start), None);
    }

    #[test]
    fn timers_pop_in_order_and_only_what_is_due() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.arm(at(20), 2);
        timers.arm(at(10), 1);
        timers.arm(at(30), 3);
        timers.disarm(at(30), 3);
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(25)), Some(1));
        assert_eq!(timers.pop(at(25)), Some(2));
        assert_eq!(timers.pop(at(99)), None);
    }
}
