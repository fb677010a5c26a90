//! Requests for another protocol: recognising them, handing over, taking back.

mod support;

use std::sync::Arc;

use support::{check, serving, Spoken};
use turnout::engine::error::ParseError;
use turnout::engine::h1::{self, Config, RequestHead};
use turnout::engine::phase::Phase;
use turnout::engine::raw;

#[test]
fn upgrade_needs_the_connection_option_and_a_value() {
    check(
        &Config::default(),
        false,
        &[
            (
                "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.1 / KU Connection=Upgrade;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.1 / KU Connection=keep-alive, Upgrade;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.1 / KU Connection=keep-alive;Connection=upgrade;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nUpgrade: a\r\nConnection: UPGRADE\r\n\r\nraw",
                &["R GET 1.1 / KU Upgrade=a;Connection=UPGRADE;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection:\tupgrade\t,x\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.1 / KU Connection=upgrade\t,x;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\nraw",
                &["R GET 1.1 / KU Connection=upgrade;Upgrade=a;Upgrade=b;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nProxy-Connection: upgrade\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.1 / KU Proxy-Connection=upgrade;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nExpect: 100-continue\r\n\r\nraw",
                &["R GET 1.1 / KU Connection=upgrade;Upgrade=a;Expect=100-continue;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: upgrade, close\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.1 / U Connection=upgrade, close;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: Upgrade\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=Upgrade;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Upgrade=a;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade:\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=Upgrade;Upgrade=;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: \t\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=Upgrade;Upgrade=;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: upgrades\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=upgrades;Upgrade=a;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: keep-alive upgrade\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=keep-alive upgrade;Upgrade=a;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nraw",
                &["R GET 1.0 / U Connection=upgrade;Upgrade=a;", "E ", "U raw"],
            ),
            (
                "PUT / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R PUT 1.1 / KU Connection=upgrade;Upgrade=a;", "E ", "U GET /next HTTP/1.1\r\n\r\n"],
            ),
        ],
    );
}

#[test]
fn the_body_of_an_upgrade_comes_first() {
    check(
        &Config::default(),
        false,
        &[
            ("POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 3\r\n\r\nabcraw", &["R POST 1.1 / KU Connection=upgrade;Upgrade=a;Content-Length=3;", "B abc", "E ", "U raw"]),
            ("POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 0\r\n\r\nraw", &["R POST 1.1 / KU Connection=upgrade;Upgrade=a;Content-Length=0;", "E ", "U raw"]),
            ("POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: u\r\n\r\nraw", &["R POST 1.1 / KU Connection=upgrade;Upgrade=a;Transfer-Encoding=chunked;", "B abc", "E t=u;", "U raw"]),
            ("POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nTransfer-Encoding: gzip\r\n\r\nraw", &["R POST 1.1 / KU Connection=upgrade;Upgrade=a;Transfer-Encoding=gzip;", "E ", "U raw"]),
            ("POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", &["! HPE_INVALID_TRANSFER_ENCODING Transfer-Encoding can't be present with Content-Length @87"]),
        ],
    );
}

#[test]
fn connect_has_no_body() {
    check(
        &Config::default(),
        false,
        &[
            ("CONNECT a:1 HTTP/1.1\r\n\r\nraw", &["R CONNECT 1.1 a:1 KU ", "E ", "U raw"]),
            (
                "CONNECT a:1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nraw",
                &["R CONNECT 1.1 a:1 KU Content-Length=3;", "E ", "U raw"],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nraw",
                &["R CONNECT 1.1 a:1 KU Transfer-Encoding=chunked;", "E ", "U raw"],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nraw",
                &["R CONNECT 1.1 a:1 KU Transfer-Encoding=gzip;", "E ", "U raw"],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nConnection: close\r\n\r\nraw",
                &["R CONNECT 1.1 a:1 U Connection=close;", "E ", "U raw"],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nContent-Length: x\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @38"],
            ),
        ],
    );
}

const ASK: &[u8] = b"GET /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: p\r\n\r\n";
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\n\r\n";

fn ask_with_body(rest: &[u8]) -> Vec<u8> {
    let head = b"POST /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: p\r\n";
    [&head[..], rest].concat()
}

/// Every event by name, so that calls to `upgrade` show.
#[derive(Default)]
struct Calls(Vec<String>);

impl h1::Sink for Calls {
    fn response(&mut self, _: u32, _: &turnout::engine::h1::ResponseHead<'_>) {
        unreachable!("a server receives no responses");
    }

    fn request(&mut self, seq: u32, head: &RequestHead<'_>) {
        self.0.push(format!("request {seq} {}", support::latin1(head.target)));
    }
    fn body(&mut self, seq: u32, bytes: &[u8]) {
        self.0.push(format!("body {seq} {}", support::latin1(bytes)));
    }
    fn end(&mut self, seq: u32, trailers: &[u8]) {
        self.0.push(format!("end {seq} {}", support::fields(trailers)));
    }
    fn upgrade(&mut self, seq: u32, complete: bool, head: &[u8]) {
        self.0.push(format!("upgrade {seq} {complete} {}", support::latin1(head)));
    }
    fn unasked(&mut self, _: &[u8]) {
        unreachable!("a server has not asked for anything");
    }
    fn parse_error(&mut self, error: ParseError, bytes_parsed: usize, packet: &[u8]) {
        self.0.push(format!("error {error:?} {bytes_parsed} of {}", packet.len()));
    }
}

impl raw::Sink for Calls {
    fn raw(&mut self, bytes: &[u8]) {
        self.0.push(format!("raw {}", support::latin1(bytes)));
    }
}

fn conn() -> (Spoken, Calls) {
    (serving(Arc::new(Config::default())), Calls::default())
}

#[test]
fn an_accepted_upgrade_has_its_head_once_and_then_raw_bytes() {
    let (mut conn, mut calls) = conn();
    conn.receive(&[ASK, b"head"].concat(), &mut calls);
    assert_eq!(calls.0, ["request 1 /u", "upgrade 1 true head"]);
    assert_eq!((conn.phase(), conn.can_read()), (Phase::AwaitingDecision, false));
    calls.0.clear();
    conn.decide(true, &mut calls);
    assert!(calls.0.is_empty(), "{:?}", calls.0);
    assert_eq!((conn.phase(), conn.can_read(), conn.is_upgraded()), (Phase::Upgraded, true, true));
    conn.receive(NEXT, &mut calls);
    conn.finish(&mut calls);
    assert_eq!(calls.0, ["raw GET /next HTTP/1.1\r\n\r\n"]);
}

#[test]
fn bytes_received_ahead_of_the_decision_are_raw_behind_the_head() {
    let (mut conn, mut calls) = conn();
    conn.receive(&[ASK, b"head"].concat(), &mut calls);
    conn.receive(b"late", &mut calls);
    conn.decide(true, &mut calls);
    assert_eq!(calls.0, ["request 1 /u", "upgrade 1 true head", "raw late"]);
}

#[test]
fn a_declined_upgrade_gives_the_bytes_behind_it_back_to_http() {
    let (mut conn, mut calls) = conn();
    conn.receive(&[ASK, NEXT, b"x"].concat(), &mut calls);
    conn.decide(false, &mut calls);
    assert_eq!(calls.0[2..], ["request 2 /next", "error InvalidMethod 22 of 23"]);
    assert_eq!((conn.phase(), conn.is_upgraded()), (Phase::Failed, false));
}

#[test]
fn a_declined_connect_is_followed_by_http_although_it_named_a_length() {
    let (mut conn, mut calls) = conn();
    let connect = b"CONNECT h:1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
    conn.receive(&[connect, NEXT].concat(), &mut calls);
    conn.decide(false, &mut calls);
    assert_eq!(calls.0.last().map(String::as_str), Some("request 2 /next"));
}

#[test]
fn a_declined_upgrade_that_closes_refuses_what_follows() {
    let (mut conn, mut calls) = conn();
    conn.receive(b"GET / HTTP/1.1\r\nConnection: upgrade, close\r\nUpgrade: p\r\n\r\nG", &mut calls);
    conn.decide(false, &mut calls);
    assert_eq!(calls.0.last().map(String::as_str), Some("error DataAfterClose 1 of 1"));
}

#[test]
fn one_decision_answers_one_upgrade() {
    let (mut conn, mut calls) = conn();
    conn.receive(&[ASK, ASK].concat(), &mut calls);
    conn.decide(false, &mut calls);
    assert_eq!(conn.phase(), Phase::AwaitingDecision);
    assert_eq!(calls.0.last().map(String::as_str), Some("upgrade 2 true "));
    conn.decide(true, &mut calls);
    conn.decide(false, &mut calls);
    assert_eq!(conn.phase(), Phase::Upgraded);
}

#[test]
fn a_body_complete_in_the_same_read_precedes_the_upgrade() {
    let (mut conn, mut calls) = conn();
    conn.receive(&ask_with_body(b"Content-Length: 2\r\n\r\nabhead"), &mut calls);
    assert_eq!(calls.0, ["request 1 /u", "body 1 ab", "end 1 ", "upgrade 1 true head"]);
}

#[test]
fn an_incomplete_body_goes_on_after_the_decision() {
    for accept in [true, false] {
        let (mut conn, mut calls) = conn();
        conn.receive(&ask_with_body(b"Content-Length: 3\r\n\r\na"), &mut calls);
        assert_eq!(calls.0, ["request 1 /u", "body 1 a", "upgrade 1 false "]);
        assert_eq!((conn.phase(), conn.can_read()), (Phase::AwaitingDecision, false));
        conn.receive(b"b", &mut calls);
        conn.decide(accept, &mut calls);
        assert_eq!((conn.phase(), conn.can_read()), (Phase::Body, true));
        assert_eq!(conn.is_upgraded(), accept);
        conn.receive(&[b"c", NEXT].concat(), &mut calls);
        let last = if accept { "raw GET /next HTTP/1.1\r\n\r\n" } else { "request 2 /next" };
        assert_eq!(calls.0[3..], ["body 1 b", "body 1 c", "end 1 ", last]);
    }
}

#[test]
fn a_body_of_which_nothing_came_is_announced_as_incomplete() {
    let (mut conn, mut calls) = conn();
    conn.receive(&ask_with_body(b"Content-Length: 3\r\n\r\n"), &mut calls);
    assert_eq!(calls.0, ["request 1 /u", "upgrade 1 false "]);
}

#[test]
fn a_malformed_chunk_in_an_accepted_upgrade_is_an_error() {
    let (mut conn, mut calls) = conn();
    conn.receive(&ask_with_body(b"Transfer-Encoding: chunked\r\n\r\n"), &mut calls);
    conn.decide(true, &mut calls);
    conn.receive(b"1\r\nab", &mut calls);
    assert_eq!(calls.0[2..], ["body 1 a", "error NoLfAfterChunkData 4 of 5"]);
}

#[test]
fn a_malformed_chunk_in_the_candidates_own_read_is_an_error_instead_of_an_upgrade() {
    let (mut conn, mut calls) = conn();
    conn.receive(&ask_with_body(b"Transfer-Encoding: chunked\r\n\r\nx"), &mut calls);
    assert_eq!(calls.0.len(), 2);
    assert!(calls.0[1].starts_with("error InvalidChunkSize"), "{:?}", calls.0);
}

#[test]
fn a_fin_ahead_of_the_decision_takes_effect_after_it() {
    let (mut conn, mut calls) = conn();
    conn.receive(&ask_with_body(b"Content-Length: 3\r\n\r\n"), &mut calls);
    conn.finish(&mut calls);
    assert_eq!(calls.0.len(), 2);
    conn.decide(true, &mut calls);
    assert_eq!(calls.0[2..], ["error InvalidEof 0 of 0"]);
}

#[test]
fn a_decision_nobody_asked_for_changes_nothing() {
    let (mut conn, mut calls) = conn();
    conn.decide(true, &mut calls);
    conn.receive(NEXT, &mut calls);
    assert_eq!((conn.is_upgraded(), calls.0.len()), (false, 1));
}

#[test]
fn what_has_come_and_not_been_told_is_known_as_it_came() {
    let (mut conn, mut calls) = conn();
    assert_eq!(conn.untold().as_deref(), Some(&b""[..]));
    for (read, untold) in [
        ("GET /first HTTP/1.1\r\n\r\n\r\nGE", "GE"),
        ("T  /x HTTP/1.1\r\nA:", "GET  /x HTTP/1.1\r\nA:"),
        ("  b\r\n", "GET  /x HTTP/1.1\r\nA:  b\r\n"),
        ("\r\nGET /y", "GET /y"),
        (" HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhead", ""),
        ("behind", "behind"),
    ] {
        conn.receive(read.as_bytes(), &mut calls);
        assert_eq!(conn.untold().as_deref(), Some(untold.as_bytes()), "behind {read:?}");
    }
    conn.decide(true, &mut calls);
    conn.receive(b"raw", &mut calls);
    assert_eq!(conn.untold().as_deref(), Some(&b""[..]));
}

#[test]
fn a_head_of_more_bytes_than_anybody_keeps_is_not_known_any_more() {
    let (mut conn, mut calls) = conn();
    conn.receive(b"GET / HTTP/1.1\r\nA:", &mut calls);
    for _ in 0..9 {
        conn.receive(&[b' '; 4096], &mut calls);
    }
    assert_eq!(conn.untold(), None);
    conn.receive(b"b\r\n\r\nGET", &mut calls);
    assert_eq!(conn.untold().as_deref(), Some(&b"GET"[..]));
}
