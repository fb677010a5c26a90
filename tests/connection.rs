//! Persistence (RFC 9112 §9.3), pipelining and limits of a connection.

mod support;

use std::sync::Arc;

use support::{check, serving, Random, Recorder};
use turnout::engine::error::ParseError;
use turnout::engine::h1::{self, Config, RequestHead, Sink, Validation};
use turnout::engine::phase::Phase;

#[test]
fn what_follows_a_message_depends_on_connection_options() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E ", "R GET 1.1 /next K ", "E "]),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 /  Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: CLOSE\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 /  Connection=CLOSE;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close, keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Connection=close, keep-alive;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @50",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: keep-alive, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Connection=keep-alive, close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @50",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: foo, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Connection=foo, close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @43",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: foo ,\tclose\t\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Connection=foo ,\tclose;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @45",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Connection=close;Connection=keep-alive;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @62",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nProxy-Connection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Proxy-Connection=close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @44",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Proxy-Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: closed\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=closed;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close x\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=close x;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: x close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=x close;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: \"close\"\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=\"close\";", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: keepalive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=keepalive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=Keep-Alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection:\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Connection=;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: ,,close,,\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.1 /  Connection=,,close,,;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @42",
                ],
            ),
            (
                "GET / HTTP/1.0\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 /  ", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @19"],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 /  Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 / K Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: CLOSE\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 /  Connection=CLOSE;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 / K Connection=close, keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 / K Connection=keep-alive, close;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: foo, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=foo, close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @43",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: foo ,\tclose\t\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=foo ,\tclose;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @45",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 / K Connection=close;Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nProxy-Connection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Proxy-Connection=close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @44",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 / K Proxy-Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: closed\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=closed;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @39",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: close x\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=close x;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: x close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=x close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: \"close\"\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=\"close\";",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: keepalive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=keepalive;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @42",
                ],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 / K Connection=Keep-Alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET / HTTP/1.0\r\nConnection:\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.0 /  Connection=;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @32"],
            ),
            (
                "GET / HTTP/1.0\r\nConnection: ,,close,,\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 1.0 /  Connection=,,close,,;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @42",
                ],
            ),
        ],
    );
}

#[test]
fn versions_that_close() {
    check(
        &Config::default(),
        false,
        &[
            (
                "GET / HTTP/2.0\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 2.0 /  ", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @19"],
            ),
            (
                "GET / HTTP/0.9\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 0.9 /  ", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @19"],
            ),
            (
                "GET /\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 0.9 /  ", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @10"],
            ),
            (
                "OPTIONS / RTSP/1.0\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R OPTIONS 1.0 /  ", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @23"],
            ),
            (
                "OPTIONS / RTSP/1.0\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R OPTIONS 1.0 / K Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "],
            ),
        ],
    );
}

#[test]
fn blank_lines_may_follow_a_closing_message() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", &["R GET 1.1 /  Connection=close;", "E "]),
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n\r\n", &["R GET 1.1 /  Connection=close;", "E "]),
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n\n\n\r", &["R GET 1.1 /  Connection=close;", "E "]),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\nx",
                &["R GET 1.1 /  Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n\r\nx",
                &["R GET 1.1 /  Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40"],
            ),
        ],
    );
}

#[test]
fn pipelined_requests() {
    check(
        &Config::default(),
        false,
        &[
            (
                "GET /next HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 /next K ", "E ", "R GET 1.1 /next K ", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=2;", "B ab", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B ab", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET /next HTTP/1.1\r\n\r\n\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 /next K ", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "GET /next HTTP/1.1\r\n\r\nx",
                &["R GET 1.1 /next K ", "E ", "! HPE_INVALID_METHOD Invalid method encountered @22"],
            ),
            (
                "GET /next HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: x",
                &["R GET 1.1 /next K ", "E ", "! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @55"],
            ),
        ],
    );
}

#[test]
fn fin_in_mid_message() {
    check(
        &Config::default(),
        true,
        &[
            ("\r\n", &[]),
            ("\r\n", &[]),
            ("G", &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"]),
            ("GET / HTTP/1.1\r\n", &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"]),
            ("GET / HTTP/1.1\r\na: b\r\n", &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"]),
            ("GET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /next K ", "E "]),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n",
                &["R POST 1.1 / K Content-Length=2;", "! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na",
                &["R POST 1.1 / K Content-Length=2;", "B a", "! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", &["R POST 1.1 / K Content-Length=2;", "B ab", "E "]),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "E "],
            ),
            (
                "GET /next HTTP/1.1\r\n\r\nGE",
                &["R GET 1.1 /next K ", "E ", "! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            ("CONNECT a:1 HTTP/1.1\r\n", &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"]),
        ],
    );
}

fn request_flags(bytes: &[u8]) -> u32 {
    struct Flags(u32);
    impl Sink for Flags {
        fn response(&mut self, _: u32, _: &turnout::engine::h1::ResponseHead<'_>) {
            unreachable!("a server receives no responses");
        }

        fn request(&mut self, _: u32, head: &RequestHead<'_>) {
            self.0 = head.flags;
        }
        fn body(&mut self, _: u32, _: &[u8]) {}
        fn end(&mut self, _: u32, _: &[u8]) {}
        fn upgrade(&mut self, _: u32, _: bool, _: &[u8]) {}
        fn unasked(&mut self, _: &[u8]) {}
        fn parse_error(&mut self, _: ParseError, _: usize, _: &[u8]) {}
    }
    let mut flags = Flags(u32::MAX);
    h1::Conn::new(Arc::new(Config::default())).receive(bytes, &mut flags);
    flags.0
}

#[test]
fn flags_say_what_the_head_asks_for() {
    use turnout::engine::h1::flags::*;
    let cases: &[(&str, u32)] = &[
        ("GET / HTTP/1.1\r\n\r\n", KEEP_ALIVE),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", KEEP_ALIVE | HAS_HOST),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", KEEP_ALIVE | HAS_HOST),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", KEEP_ALIVE),
        ("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", 0),
        ("GET / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n", KEEP_ALIVE | EXPECT_CONTINUE),
        ("GET / HTTP/1.1\r\nExpect: x, 100-continue;y\r\n\r\n", KEEP_ALIVE | EXPECT_CONTINUE),
        ("GET / HTTP/1.1\r\nExpect: x\r\nExpect: 100-continue\r\n\r\n", KEEP_ALIVE | EXPECT_CONTINUE),
        ("GET / HTTP/1.1\r\nExpect: 100-continued\r\n\r\n", KEEP_ALIVE | EXPECT_OTHER),
        ("GET / HTTP/1.1\r\nExpect: a100-continue\r\n\r\n", KEEP_ALIVE | EXPECT_OTHER),
        ("GET / HTTP/1.1\r\nExpect:\r\n\r\n", KEEP_ALIVE | EXPECT_OTHER),
        ("PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", KEEP_ALIVE | HAS_BODY),
        ("PUT / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", KEEP_ALIVE),
        ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", KEEP_ALIVE | HAS_BODY),
        ("CONNECT a:1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n", KEEP_ALIVE | UPGRADE),
        ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nExpect: 100-continue\r\n\r\n", KEEP_ALIVE | UPGRADE),
    ];
    for (head, expected) in cases {
        assert_eq!(request_flags(head.as_bytes()), *expected, "{head:?}");
    }
}

#[test]
fn a_pipeline_is_told_in_bursts() {
    let mut conn = serving(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    conn.receive(&b"GET / HTTP/1.1\r\n\r\n".repeat(40), &mut recorder);
    assert_eq!((conn.unfinished(), conn.can_read()), (16, false));
    // Answers do not make room: what they ask for is known only when the last handler has run.
    for _ in 0..16 {
        conn.response_done(&mut recorder);
    }
    assert_eq!((conn.unfinished(), conn.can_read()), (0, false));
    conn.go_on(&mut recorder);
    assert_eq!((conn.unfinished(), conn.can_read()), (16, false));
    conn.go_on(&mut recorder);
    assert_eq!((conn.unfinished(), conn.can_read()), (24, true));
}

#[test]
fn requests_answered_one_by_one_make_no_burst() {
    let mut conn = serving(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    for _ in 0..100 {
        conn.receive(b"GET / HTTP/1.1\r\n\r\n", &mut recorder);
        assert!(conn.can_read());
        conn.response_done(&mut recorder);
    }
}

#[test]
fn a_full_pipeline_stops_reading_until_a_response_is_done() {
    let mut conn = serving(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    let request = b"GET / HTTP/1.1\r\n\r\n";
    conn.receive(&request.repeat(1002), &mut recorder);
    for _ in 0..70 {
        conn.go_on(&mut recorder);
    }
    assert_eq!(conn.unfinished(), 1000);
    assert!(!conn.can_read());
    assert_eq!(conn.phase(), Phase::Idle);
    conn.response_done(&mut recorder);
    assert_eq!((conn.unfinished(), conn.can_read()), (1000, false));
    conn.response_done(&mut recorder);
    assert_eq!((conn.unfinished(), conn.can_read()), (1000, false));
    conn.response_done(&mut recorder);
    assert_eq!((conn.unfinished(), conn.can_read()), (999, true));
    assert_eq!(recorder.events.len(), 2 * 1002);
}

#[test]
fn the_body_of_the_last_request_a_pipeline_has_room_for_is_read() {
    let mut conn = serving(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    conn.receive(&b"GET / HTTP/1.1\r\n\r\n".repeat(999), &mut recorder);
    for _ in 0..63 {
        conn.go_on(&mut recorder);
    }
    conn.receive(b"PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", &mut recorder);
    assert!(conn.can_read());
    conn.receive(b"ab", &mut recorder);
    assert_eq!(recorder.events.last().map(String::as_str), Some("E "));
    assert!(!conn.can_read());
    conn.finish(&mut recorder);
    assert_eq!(recorder.events.last().map(String::as_str), Some("E "));
}

#[test]
fn a_read_that_ends_one_message_and_begins_another_counts_for_the_other() {
    let mut conn = serving(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    let steps: &[(&[u8], u32)] = &[
        (b"GET / HT", 1),
        (b"TP/1.1\r\nHost: a\r\n\r\nGET / H", 2),
        (b"TTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na", 3),
        (b"bG", 4),
        (b"ET / HTTP/1.1\r\nHost: a\r\n\r\n", 4),
    ];
    for (read, expected) in steps {
        conn.receive(read, &mut recorder);
        assert_eq!(conn.message(), *expected, "after {:?}", support::latin1(read));
    }
}

#[test]
fn phases_follow_the_bytes() {
    let mut conn = serving(Arc::new(Config::default()));
    let mut recorder = Recorder::default();
    let steps: &[(&[u8], Phase)] = &[
        (b"", Phase::Idle),
        (b"\r\n", Phase::Idle),
        (b"P", Phase::Head),
        (b"UT / HTTP/1.1\r\nContent-Length: 2\r\n", Phase::Head),
        (b"\r\n", Phase::Body),
        (b"a", Phase::Body),
        (b"b", Phase::Idle),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", Phase::Idle),
        (b"x", Phase::Failed),
    ];
    for (read, expected) in steps {
        conn.receive(read, &mut recorder);
        assert_eq!(conn.phase(), *expected, "after {:?}", support::latin1(read));
    }
    assert!(!conn.can_read());
    let so_far = recorder.events.len();
    conn.receive(b"GET / HTTP/1.1\r\n\r\n", &mut recorder);
    conn.finish(&mut recorder);
    assert_eq!(recorder.events.len(), so_far, "nothing follows a parse error");
}

const PARTS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.0\r\n",
    "CONNECT h:1 HTTP/1.1\r\n",
    "GET /\r\n",
    "Host: a\r\n",
    "x: y \t\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, Upgrade\r\n",
    "Upgrade: p\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Expect: 100-continue\r\n",
    "\r\n",
    "\r\n",
    "\r\n",
    "hello",
    "5\r\nhello\r\n",
    "0\r\n",
    "1;a=\"b\\c\";d\r\n",
    "t: u\r\n",
    "\n",
    "\r",
    " ",
    "\0",
    ":",
    "\u{ff}",
];

#[test]
fn events_do_not_depend_on_where_reads_are_cut() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..4_000 {
        let validation = if round % 5 == 0 { Validation::Insecure } else { Validation::Strict };
        let config = Config { validation, max_fields: [1_000, 3][random.below(2)], ..Config::default() };
        let text: String = (0..1 + random.below(14)).map(|_| PARTS[random.below(PARTS.len())]).collect();
        let input = support::bytes(&text);
        let plain = |events: Vec<String>| -> Vec<String> {
            events.iter().map(|event| support::without_position(event)).collect()
        };
        let whole = plain(support::events_of(&config, &[&input], true));
        let mut cut: Vec<&[u8]> = Vec::new();
        let mut rest = &input[..];
        while !rest.is_empty() {
            let (read, next) = rest.split_at(1 + random.below(rest.len()));
            cut.push(read);
            rest = next;
        }
        assert_eq!(plain(support::events_of(&config, &cut, true)), whole, "{text:?} as {cut:?}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for round in 0..4_000 {
        let text: String = (0..1 + random.below(10)).map(|_| PARTS[random.below(PARTS.len())]).collect();
        let mut input = support::bytes(&text);
        for _ in 0..1 + random.below(3) {
            let at = random.below(input.len());
            input[at] = random.below(256) as u8;
        }
        let config = Config {
            max_header_size: [0, 1, 20, 16_384][random.below(4)],
            max_fields: random.below(3) as u32,
            validation: Validation::ALL[round % 3],
        };
        let mut conn = serving(Arc::new(config));
        let mut recorder = Recorder::default();
        for read in input.chunks(1 + random.below(input.len())) {
            conn.receive(read, &mut recorder);
            if random.below(2) == 0 {
                conn.decide(random.below(2) == 0, &mut recorder);
                conn.response_done(&mut recorder);
            }
        }
        conn.finish(&mut recorder);
        conn.decide(false, &mut recorder);
        let errors = recorder.events.iter().filter(|event| event.starts_with('!')).count();
        assert!(errors <= 1, "one error at most: {:?}", recorder.events);
    }
}
