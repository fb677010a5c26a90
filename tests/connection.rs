//! Persistence (RFC 9112 §9.3), pipelining and limits of a connection.

mod support;

use support::check;
use turnout::engine::h1::Config;

#[test]
fn what_follows_a_message_depends_on_connection_options() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"]),
            ("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: CLOSE\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=CLOSE;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"]),
            ("GET / HTTP/1.1\r\nConnection: close, keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=close, keep-alive;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @50"]),
            ("GET / HTTP/1.1\r\nConnection: keep-alive, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=keep-alive, close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @50"]),
            ("GET / HTTP/1.1\r\nConnection: foo, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=foo, close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @43"]),
            ("GET / HTTP/1.1\r\nConnection: foo ,\tclose\t\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=foo ,\tclose;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @45"]),
            ("GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=close;Connection=keep-alive;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @62"]),
            ("GET / HTTP/1.1\r\nProxy-Connection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Proxy-Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @44"]),
            ("GET / HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Proxy-Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: closed\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=closed;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: close x\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=close x;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: x close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=x close;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: \"close\"\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=\"close\";", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: keepalive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=keepalive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=Keep-Alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection:\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: ,,close,,\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /  Connection=,,close,,;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @42"]),
            ("GET / HTTP/1.0\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  ", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @19"]),
            ("GET / HTTP/1.0\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"]),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 / K Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nConnection: CLOSE\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=CLOSE;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38"]),
            ("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 / K Connection=close, keep-alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 / K Connection=keep-alive, close;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nConnection: foo, close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=foo, close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @43"]),
            ("GET / HTTP/1.0\r\nConnection: foo ,\tclose\t\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=foo ,\tclose;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @45"]),
            ("GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 / K Connection=close;Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nProxy-Connection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Proxy-Connection=close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @44"]),
            ("GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 / K Proxy-Connection=keep-alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nConnection: closed\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=closed;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @39"]),
            ("GET / HTTP/1.0\r\nConnection: close x\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=close x;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40"]),
            ("GET / HTTP/1.0\r\nConnection: x close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=x close;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40"]),
            ("GET / HTTP/1.0\r\nConnection: \"close\"\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=\"close\";", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40"]),
            ("GET / HTTP/1.0\r\nConnection: keepalive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=keepalive;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @42"]),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 / K Connection=Keep-Alive;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nConnection:\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @32"]),
            ("GET / HTTP/1.0\r\nConnection: ,,close,,\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.0 /  Connection=,,close,,;", "E ", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @42"]),
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
                &[
                    "R GET 2.0 /  ",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @19",
                ],
            ),
            (
                "GET / HTTP/0.9\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 0.9 /  ",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @19",
                ],
            ),
            (
                "GET /\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R GET 0.9 /  ",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @10",
                ],
            ),
            (
                "OPTIONS / RTSP/1.0\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R OPTIONS 1.0 /  ",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @23",
                ],
            ),
            (
                "OPTIONS / RTSP/1.0\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &[
                    "R OPTIONS 1.0 / K Connection=keep-alive;",
                    "E ",
                    "R GET 1.1 /next K ",
                    "E ",
                ],
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
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
                &["R GET 1.1 /  Connection=close;", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n\r\n",
                &["R GET 1.1 /  Connection=close;", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n\n\n\r",
                &["R GET 1.1 /  Connection=close;", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\nx",
                &[
                    "R GET 1.1 /  Connection=close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @38",
                ],
            ),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n\r\nx",
                &[
                    "R GET 1.1 /  Connection=close;",
                    "E ",
                    "! HPE_CLOSED_CONNECTION Data after `Connection: close` @40",
                ],
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
            ("GET /next HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /next K ", "E ", "R GET 1.1 /next K ", "E ", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Content-Length=2;", "B ab", "E ", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B ab", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET /next HTTP/1.1\r\n\r\n\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /next K ", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET /next HTTP/1.1\r\n\r\nx", &["R GET 1.1 /next K ", "E ", "! HPE_INVALID_METHOD Invalid method encountered @22"]),
            ("GET /next HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: x", &["R GET 1.1 /next K ", "E ", "! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @55"]),
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
            (
                "GET / HTTP/1.1\r\n",
                &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            (
                "GET / HTTP/1.1\r\na: b\r\n",
                &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
            ("GET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 /next K ", "E "]),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n",
                &[
                    "R POST 1.1 / K Content-Length=2;",
                    "! HPE_INVALID_EOF_STATE Invalid EOF state @0",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na",
                &[
                    "R POST 1.1 / K Content-Length=2;",
                    "B a",
                    "! HPE_INVALID_EOF_STATE Invalid EOF state @0",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
                &["R POST 1.1 / K Content-Length=2;", "B ab", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_INVALID_EOF_STATE Invalid EOF state @0",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "B a",
                    "! HPE_INVALID_EOF_STATE Invalid EOF state @0",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "B a",
                    "! HPE_INVALID_EOF_STATE Invalid EOF state @0",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "E "],
            ),
            (
                "GET /next HTTP/1.1\r\n\r\nGE",
                &[
                    "R GET 1.1 /next K ",
                    "E ",
                    "! HPE_INVALID_EOF_STATE Invalid EOF state @0",
                ],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\n",
                &["! HPE_INVALID_EOF_STATE Invalid EOF state @0"],
            ),
        ],
    );
}
