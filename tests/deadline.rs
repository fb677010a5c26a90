//! Deadlines, driven by times that are passed in.

use turnout::engine::deadline::{Alarms, Expired, Timeouts, Waits};

const TIMEOUTS: Timeouts = Timeouts {
    keep_alive: 6_000,
    headers: 60_000,
    request: 300_000,
    check_interval: 30_000,
    origin: 500,
};

#[test]
fn looks_at_heads_only_at_the_servers_checks() {
    let waits = Waits::new(1_000);
    // 61,000 have passed at the third check, 500 + 3 * 30,000.
    assert_eq!(waits.next(&TIMEOUTS), Some((90_500, Expired::Head)));
    let exact = Timeouts {
        check_interval: 0,
        ..TIMEOUTS
    };
    assert_eq!(waits.next(&exact), Some((61_000, Expired::Head)));
}

#[test]
fn counts_a_message_from_its_first_byte() {
    let mut waits = Waits::new(0);
    waits.in_head(30_500, true);
    waits.in_head(50_000, false);
    assert_eq!(waits.next(&TIMEOUTS), Some((90_500, Expired::Head)));
    waits.in_body(70_000, false);
    assert_eq!(waits.next(&TIMEOUTS), Some((330_500, Expired::Request)));
    waits.in_body(80_000, true);
    assert_eq!(waits.next(&TIMEOUTS), Some((390_500, Expired::Request)));
}

#[test]
fn expires_each_wait_once_and_not_early() {
    let mut waits = Waits::new(500);
    assert_eq!(waits.expire(60_499, &TIMEOUTS), None);
    assert_eq!(waits.expire(60_500, &TIMEOUTS), Some(Expired::Head));
    assert_eq!(waits.expire(999_999, &TIMEOUTS), None);
}

#[test]
fn ends_keep_alive_exactly_and_only_when_nothing_is_owed() {
    let mut waits = Waits::new(0);
    waits.idle_with(|| 10);
    assert_eq!(waits.next(&TIMEOUTS), Some((60_500, Expired::Head)));
    waits.busy();
    assert_eq!(waits.next(&TIMEOUTS), None);
    waits.idle_with(|| 10);
    waits.idle_with(|| 5_000);
    assert_eq!(waits.expire(6_009, &TIMEOUTS), None);
    assert_eq!(waits.expire(6_010, &TIMEOUTS), Some(Expired::KeepAlive));
}

#[test]
fn switches_a_limit_of_zero_off() {
    let off = Timeouts {
        keep_alive: 0,
        headers: 0,
        request: 0,
        ..TIMEOUTS
    };
    let mut waits = Waits::new(0);
    assert_eq!(waits.next(&off), None);
    let request_only = Timeouts {
        request: 1_000,
        ..off
    };
    assert_eq!(waits.next(&request_only), Some((30_500, Expired::Request)));
    waits.busy();
    waits.idle_with(|| 0);
    assert_eq!(waits.next(&off), None);
}

#[test]
fn keeps_one_alarm_per_connection_and_only_moves_it_forward_in_time_when_due() {
    let mut alarms = Alarms::default();
    let first = alarms.arm(7, None, 100);
    assert_eq!(alarms.arm(7, Some(first), 200), 100);
    let earlier = alarms.arm(7, Some(first), 50);
    assert_eq!((earlier, alarms.first()), (50, Some(50)));
    assert_eq!(alarms.take_due(49), None);
    assert_eq!(alarms.take_due(50), Some(7));
    assert_eq!(alarms.take_due(1_000), None);
    let again = alarms.arm(7, None, 300);
    alarms.disarm(7, Some(again));
    assert_eq!(alarms.first(), None);
}
