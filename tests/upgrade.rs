//! Requests for another protocol: recognising them, handing over, taking back.

mod support;

use support::check;
use turnout::engine::h1::Config;

#[test]
fn upgrade_needs_the_connection_option_and_a_value() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.1 / KU Connection=Upgrade;Upgrade=a;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.1 / KU Connection=keep-alive, Upgrade;Upgrade=a;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.1 / KU Connection=keep-alive;Connection=upgrade;Upgrade=a;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nUpgrade: a\r\nConnection: UPGRADE\r\n\r\nraw", &["R GET 1.1 / KU Upgrade=a;Connection=UPGRADE;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection:\tupgrade\t,x\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.1 / KU Connection=upgrade\t,x;Upgrade=a;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\nraw", &["R GET 1.1 / KU Connection=upgrade;Upgrade=a;Upgrade=b;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nProxy-Connection: upgrade\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.1 / KU Proxy-Connection=upgrade;Upgrade=a;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\nExpect: 100-continue\r\n\r\nraw", &["R GET 1.1 / KU Connection=upgrade;Upgrade=a;Expect=100-continue;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection: upgrade, close\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.1 / U Connection=upgrade, close;Upgrade=a;", "E ", "U raw"]),
            ("GET / HTTP/1.1\r\nConnection: Upgrade\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=Upgrade;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Upgrade=a;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade:\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=Upgrade;Upgrade=;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: \t\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=Upgrade;Upgrade=;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: upgrades\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=upgrades;Upgrade=a;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.1\r\nConnection: keep-alive upgrade\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R GET 1.1 / K Connection=keep-alive upgrade;Upgrade=a;", "E ", "R GET 1.1 /next K ", "E "]),
            ("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nraw", &["R GET 1.0 / U Connection=upgrade;Upgrade=a;", "E ", "U raw"]),
            ("PUT / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R PUT 1.1 / KU Connection=upgrade;Upgrade=a;", "E ", "U GET /next HTTP/1.1\r\n\r\n"]),
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
            (
                "CONNECT a:1 HTTP/1.1\r\n\r\nraw",
                &["R CONNECT 1.1 a:1 KU ", "E ", "U raw"],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nraw",
                &["R CONNECT 1.1 a:1 KU Content-Length=3;", "E ", "U raw"],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nraw",
                &[
                    "R CONNECT 1.1 a:1 KU Transfer-Encoding=chunked;",
                    "E ",
                    "U raw",
                ],
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nraw",
                &[
                    "R CONNECT 1.1 a:1 KU Transfer-Encoding=gzip;",
                    "E ",
                    "U raw",
                ],
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
