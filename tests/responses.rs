//! The client role against what Node 26 says about the same bytes, and against itself when they come in pieces.

mod support;

use std::sync::Arc;

use support::{asking, bytes, latin1, response_events, without_position, Recorder};
use turnout::engine::h1::{Config, Expected, Validation};
use turnout::engine::net::protocol::Protocol;
use turnout::engine::phase::Phase;

const TABLE: &[(&str, &str, &[&str])] = include!("responses/table.rs");

fn expected(method: &str) -> Expected {
    Expected { seq: 1, head: method == "HEAD", connect: method == "CONNECT" }
}

/// Feeds the reads and then a FIN to a connection that has sent one request.
fn events(config: &Config, method: &str, reads: &[&[u8]]) -> Vec<String> {
    response_events(config, expected(method), reads)
}

fn without_positions(events: &[String]) -> Vec<String> {
    events.iter().map(|event| without_position(event)).collect()
}

#[test]
fn says_what_node_says() {
    assert!(TABLE.len() > 200);
    let mut wrong = Vec::new();
    for (method, input, expected) in TABLE {
        let mut seen = events(&Config::default(), method, &[&bytes(input)]);
        if seen.len() > 2 && seen[0].starts_with("S 101") && seen[2].starts_with("U ") {
            // Node drops what follows a 101 that names no protocol; here it costs the connection.
            seen.pop();
        }
        if seen != *expected {
            wrong.push(format!("{method} {input:?}\n  node {expected:?}\n  here {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}

/// The events up to the end of the final response: what follows it depends on whether it came in the same read.
fn until_answered(events: &[String]) -> Vec<String> {
    let mut last = 0;
    let mut interim = false;
    for (at, event) in events.iter().enumerate() {
        last = at;
        interim =
            if event.starts_with("S ") { event.starts_with("S 10") && !event.starts_with("S 101") } else { interim };
        if event.starts_with("E ") && !interim {
            break;
        }
    }
    without_positions(&events[..events.len().min(last + 1)])
}

#[test]
fn does_not_care_where_reads_end() {
    for (method, input, _) in TABLE {
        let input = bytes(input);
        let whole = until_answered(&events(&Config::default(), method, &[&input]));
        let by_byte: Vec<&[u8]> = input.chunks(1).collect();
        let seen = until_answered(&events(&Config::default(), method, &by_byte));
        assert_eq!(seen, whole, "byte by byte: {method} {:?}", latin1(&input));
        for at in 1..input.len() {
            let (first, second) = input.split_at(at);
            let seen = until_answered(&events(&Config::default(), method, &[first, second]));
            assert_eq!(seen, whole, "split at {at}: {method} {:?}", latin1(&input));
        }
    }
}

#[test]
fn bounds_a_head_by_its_own_limit_and_the_requests() {
    let line = "HTTP/1.1 200 OK\r\n";
    let head = |size: usize| format!("{line}A: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(size));
    let overflow = "! HPE_HEADER_OVERFLOW Header overflow";
    let last = |size: Option<usize>, value: usize| {
        let mut conn = asking(Arc::new(Config::default()));
        conn.expect(expected("GET"), size, Validation::Strict);
        let mut recorder = Recorder::default();
        conn.receive(head(value).as_bytes(), &mut recorder);
        without_position(recorder.events.last().expect("events"))
    };
    // "OK", the names, "0".
    let rest = 2 + 1 + 14 + 1;
    assert_eq!(last(None, 16_384 - rest), overflow);
    assert_eq!(last(None, 16_384 - rest - 1), "E ");
    assert_eq!(last(Some(100), 100 - rest), overflow);
    assert_eq!(last(Some(100), 100 - rest - 1), "E ");
}

#[test]
fn answers_one_request_after_another() {
    let mut conn = asking(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    for seq in 1..=3 {
        conn.expect(Expected { seq, head: seq == 2, connect: false }, None, Validation::Strict);
        // To the HEAD only the head.
        conn.receive(if seq == 2 { &answer[..answer.len() - 2] } else { answer }, &mut recorder);
        assert_eq!(conn.phase(), Phase::Idle);
    }
    let head = "S 200 1.1 \"OK\" K Content-Length=2;";
    assert_eq!(recorder.events, [head, "B ab", "E ", head, "E ", head, "B ab", "E "]);
}

#[test]
fn takes_the_next_answer_for_what_it_is_after_an_idle_server_has_spoken() {
    let mut conn = asking(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    conn.expect(expected("GET"), None, Validation::Strict);
    conn.receive(b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 408 Requ", &mut recorder);
    conn.expect(expected("GET"), None, Validation::Strict);
    conn.receive(b"HTTP/1.1 205 No\r\nContent-Length: 0\r\n\r\n", &mut recorder);
    assert_eq!(recorder.events, ["S 204 1.1 \"No\" K ", "E ", "S 205 1.1 \"No\" K Content-Length=0;", "E "]);
}

#[test]
fn tells_what_an_idle_server_says_as_raw_bytes() {
    let mut conn = asking(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    conn.expect(expected("GET"), None, Validation::Strict);
    conn.receive(b"HTTP/1.1 204 No\r\n\r\n", &mut recorder);
    conn.receive(b"HTTP/1.1 200 OK\r\nX: ", &mut recorder);
    assert_eq!(recorder.events[2..], ["U HTTP/1.1 200 OK\r\nX: "]);
}

#[test]
fn is_read_by_nobody_until_claimed_and_may_be_a_plain_stream_first() {
    let mut conn = asking(Arc::new(Config::default()));
    assert!(!conn.can_read());
    conn.expect_nothing();
    assert!(conn.can_read() && matches!(*conn, Protocol::Plain(..)) && conn.phase() == Phase::Idle);
    let mut recorder = Recorder::default();
    conn.receive(b"any", &mut recorder);
    conn.receive(b"thing", &mut recorder);
    conn.expect(expected("GET"), None, Validation::Strict);
    conn.receive(b"HTTP/1.1 204 No\r\n\r\n", &mut recorder);
    conn.expect_nothing();
    assert_eq!(recorder.events, ["U anything", "S 204 1.1 \"No\" K ", "E "]);
}

#[test]
fn accepts_with_leniency_what_node_accepts_with_insecure_http_parser() {
    let lenient = support::lenient();
    for (input, expected) in [
        ("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", &["S 200 1.1 \"OK\" K Content-Length=1;", "B x", "E "][..]),
        ("HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", &["S 200 1.2 \"OK\" K Content-Length=0;", "E "][..]),
        ("HTTP/1.1 200\nContent-Length: 0\r\n\r\n", &["S 200 1.1 \"\" K Content-Length=0;", "E "][..]),
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            &["S 200 1.1 \"OK\"  Connection=close;Content-Length=0;", "E ", "S 200 1.1 \"OK\" K Content-Length=0;", "E "][..],
        ),
    ] {
        assert_eq!(events(&lenient, "GET", &[input.as_bytes()]), expected, "{input:?}");
    }
}

#[test]
fn each_request_says_how_much_of_its_response_is_checked() {
    const RESPONSE: &[u8] = b"HTTP/1.1 204 N\r\nA: b\x01c\r\n\r\n";
    const FOLDED: &[u8] = b"HTTP/1.1 204 N\r\nA: b\r\n c\r\n\r\n";
    let verdict = |validation, response: &[u8]| {
        let mut conn = asking(Arc::new(Config::default()));
        conn.expect(expected("GET"), None, validation);
        let mut recorder = Recorder::default();
        conn.receive(response, &mut recorder);
        recorder.events.iter().all(|event| !event.starts_with('!'))
    };
    assert!(!verdict(Validation::Strict, RESPONSE) && !verdict(Validation::Strict, FOLDED));
    assert!(verdict(Validation::Relaxed, RESPONSE) && !verdict(Validation::Relaxed, FOLDED));
    assert!(verdict(Validation::Insecure, RESPONSE) && verdict(Validation::Insecure, FOLDED));
}
