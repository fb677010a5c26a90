//! Request lines and fields: what is accepted, what is refused, with which code and after how many bytes.

mod support;

use support::{check, lenient};
use turnout::engine::h1::{Config, Validation};

#[test]
fn methods_are_nodes_list_case_sensitive() {
    check(
        &Config::default(),
        false,
        &[
            ("DELETE / HTTP/1.1\r\n\r\n", &["R DELETE 1.1 / K ", "E "]),
            ("GET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("HEAD / HTTP/1.1\r\n\r\n", &["R HEAD 1.1 / K ", "E "]),
            ("POST / HTTP/1.1\r\n\r\n", &["R POST 1.1 / K ", "E "]),
            ("PUT / HTTP/1.1\r\n\r\n", &["R PUT 1.1 / K ", "E "]),
            ("OPTIONS / HTTP/1.1\r\n\r\n", &["R OPTIONS 1.1 / K ", "E "]),
            ("TRACE / HTTP/1.1\r\n\r\n", &["R TRACE 1.1 / K ", "E "]),
            ("COPY / HTTP/1.1\r\n\r\n", &["R COPY 1.1 / K ", "E "]),
            ("LOCK / HTTP/1.1\r\n\r\n", &["R LOCK 1.1 / K ", "E "]),
            ("MKCOL / HTTP/1.1\r\n\r\n", &["R MKCOL 1.1 / K ", "E "]),
            ("MOVE / HTTP/1.1\r\n\r\n", &["R MOVE 1.1 / K ", "E "]),
            ("PROPFIND / HTTP/1.1\r\n\r\n", &["R PROPFIND 1.1 / K ", "E "]),
            ("PROPPATCH / HTTP/1.1\r\n\r\n", &["R PROPPATCH 1.1 / K ", "E "]),
            ("SEARCH / HTTP/1.1\r\n\r\n", &["R SEARCH 1.1 / K ", "E "]),
            ("UNLOCK / HTTP/1.1\r\n\r\n", &["R UNLOCK 1.1 / K ", "E "]),
            ("BIND / HTTP/1.1\r\n\r\n", &["R BIND 1.1 / K ", "E "]),
            ("REBIND / HTTP/1.1\r\n\r\n", &["R REBIND 1.1 / K ", "E "]),
            ("UNBIND / HTTP/1.1\r\n\r\n", &["R UNBIND 1.1 / K ", "E "]),
            ("ACL / HTTP/1.1\r\n\r\n", &["R ACL 1.1 / K ", "E "]),
            ("REPORT / HTTP/1.1\r\n\r\n", &["R REPORT 1.1 / K ", "E "]),
            ("MKACTIVITY / HTTP/1.1\r\n\r\n", &["R MKACTIVITY 1.1 / K ", "E "]),
            ("CHECKOUT / HTTP/1.1\r\n\r\n", &["R CHECKOUT 1.1 / K ", "E "]),
            ("MERGE / HTTP/1.1\r\n\r\n", &["R MERGE 1.1 / K ", "E "]),
            ("M-SEARCH / HTTP/1.1\r\n\r\n", &["R M-SEARCH 1.1 / K ", "E "]),
            ("NOTIFY / HTTP/1.1\r\n\r\n", &["R NOTIFY 1.1 / K ", "E "]),
            ("SUBSCRIBE / HTTP/1.1\r\n\r\n", &["R SUBSCRIBE 1.1 / K ", "E "]),
            ("UNSUBSCRIBE / HTTP/1.1\r\n\r\n", &["R UNSUBSCRIBE 1.1 / K ", "E "]),
            ("PATCH / HTTP/1.1\r\n\r\n", &["R PATCH 1.1 / K ", "E "]),
            ("PURGE / HTTP/1.1\r\n\r\n", &["R PURGE 1.1 / K ", "E "]),
            ("MKCALENDAR / HTTP/1.1\r\n\r\n", &["R MKCALENDAR 1.1 / K ", "E "]),
            ("LINK / HTTP/1.1\r\n\r\n", &["R LINK 1.1 / K ", "E "]),
            ("UNLINK / HTTP/1.1\r\n\r\n", &["R UNLINK 1.1 / K ", "E "]),
            ("SOURCE / HTTP/1.1\r\n\r\n", &["R SOURCE 1.1 / K ", "E "]),
            ("QUERY / HTTP/1.1\r\n\r\n", &["R QUERY 1.1 / K ", "E "]),
            ("get / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @0"]),
            ("Get / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @1"]),
            ("GE / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @2"]),
            ("GETT / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Expected space after method @3"]),
            ("GET_ / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @4"]),
            ("DESCRIBE / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @15"]),
            ("ANNOUNCE / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @15"]),
            ("SETUP / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @12"]),
            ("PLAY / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @11"]),
            ("PAUSE / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @12"]),
            ("TEARDOWN / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @15"]),
            ("GET_PARAMETER / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @20"]),
            ("SET_PARAMETER / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @20"]),
            ("REDIRECT / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @15"]),
            ("RECORD / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @13"]),
            ("FLUSH / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for HTTP/x.x request @12"]),
            ("PRI / HTTP/1.1\r\n\r\n", &[]),
            ("BREW / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @1"]),
            ("M-SEARC / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @7"]),
            ("SUBSCRIBER / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Expected space after method @9"]),
            ("UNSUBSCRIBERS / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Expected space after method @11"]),
            ("\u{80}", &["! HPE_INVALID_METHOD Invalid method encountered @0"]),
            ("\0", &["! HPE_INVALID_METHOD Invalid method encountered @0"]),
            (" GET / HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Invalid method encountered @0"]),
            ("GET\t/ HTTP/1.1\r\n\r\n", &["! HPE_INVALID_METHOD Expected space after method @3"]),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &["! HPE_PAUSED_H2_UPGRADE Pause on PRI/Upgrade @24"]),
            ("PRI * HTTP/2.0\r\n\r\nSX", &["! HPE_INVALID_VERSION Expected HTTP/2 Connection Preface @19"]),
            ("PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n", &["! HPE_PAUSED_H2_UPGRADE Pause on PRI/Upgrade @24"]),
        ],
    );
}

#[test]
fn methods_go_with_their_protocol() {
    check(
        &Config::default(),
        false,
        &[
            ("OPTIONS / RTSP/1.0\r\n\r\n", &["R OPTIONS 1.0 /  ", "E "]),
            ("GET / RTSP/1.0\r\n\r\n", &["R GET 1.0 /  ", "E "]),
            ("POST / RTSP/1.0\r\n\r\n", &["R POST 1.0 /  ", "E "]),
            ("DESCRIBE / RTSP/1.0\r\n\r\n", &["R DESCRIBE 1.0 /  ", "E "]),
            ("GET_PARAMETER / RTSP/1.0\r\n\r\n", &["R GET_PARAMETER 1.0 /  ", "E "]),
            ("FLUSH / RTSP/1.0\r\n\r\n", &["R FLUSH 1.0 /  ", "E "]),
            ("PUT / RTSP/1.0\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for RTSP/x.x request @10"]),
            ("QUERY / RTSP/1.0\r\n\r\n", &["! HPE_INVALID_CONSTANT Invalid method for RTSP/x.x request @12"]),
            ("SOURCE / ICE/1.0\r\n\r\n", &["R SOURCE 1.0 /  ", "E "]),
            ("SOURCE / HTTP/1.0\r\n\r\n", &["R SOURCE 1.0 /  ", "E "]),
            ("GET / ICE/1.0\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected SOURCE method for ICE/x.x request @9"]),
            ("PRI / RTSP/1.0", &["! HPE_INVALID_CONSTANT Invalid method for RTSP/x.x request @10"]),
        ],
    );
}

#[test]
fn versions() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/0.9\r\n\r\n", &["R GET 0.9 /  ", "E "]),
            ("GET / HTTP/1.0\r\n\r\n", &["R GET 1.0 /  ", "E "]),
            ("GET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("GET / HTTP/2.0\r\n\r\n", &["R GET 2.0 /  ", "E "]),
            ("GET / HTTP/0.0\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/0.8\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/1.2\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/1.9\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/2.1\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/3.0\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/9.9\r\n\r\n", &["! HPE_INVALID_VERSION Invalid HTTP version @14"]),
            ("GET / HTTP/1\r\n\r\n", &["! HPE_INVALID_VERSION Expected dot @12"]),
            ("GET / HTTP/1.\r\n\r\n", &["! HPE_INVALID_VERSION Invalid minor version @13"]),
            ("GET / HTTP/.1\r\n\r\n", &["! HPE_INVALID_VERSION Invalid major version @11"]),
            ("GET / HTTP/1.10\r\n\r\n", &["! HPE_INVALID_VERSION Expected CRLF after version @14"]),
            ("GET / HTTP/11.1\r\n\r\n", &["! HPE_INVALID_VERSION Expected dot @12"]),
            ("GET / HTTP/x.1\r\n\r\n", &["! HPE_INVALID_VERSION Invalid major version @11"]),
            ("GET / HTTP/1.x\r\n\r\n", &["! HPE_INVALID_VERSION Invalid minor version @13"]),
            ("GET / HTTP/1x1\r\n\r\n", &["! HPE_INVALID_VERSION Expected dot @12"]),
            ("GET /\r\n\r\n", &["R GET 0.9 /  ", "E "]),
            ("GET /\r\nHost: a\r\n\r\n", &["R GET 0.9 /  Host=a;", "E "]),
            ("GET /\n\r\n", &["R GET 0.9 /  ", "E "]),
            ("GET /\r\r\n", &["! HPE_INVALID_URL Expected CRLF @6"]),
            ("GET / http/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected HTTP/, RTSP/ or ICE/ @6"]),
            ("GET / HTTP 1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected HTTP/, RTSP/ or ICE/ @10"]),
            ("GET / HTTPS/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected HTTP/, RTSP/ or ICE/ @10"]),
            ("GET / XTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected HTTP/, RTSP/ or ICE/ @6"]),
            ("GET / HTTP/1.1 \r\n\r\n", &["! HPE_INVALID_VERSION Expected CRLF after version @14"]),
            ("GET / HTTP/1.1\t\r\n\r\n", &["! HPE_INVALID_VERSION Expected CRLF after version @14"]),
            ("GET / HTTP/1.1\n\r\n", &["! HPE_INVALID_VERSION Expected CRLF after version @15"]),
            ("GET / HTTP/1.1\r\r\n", &["! HPE_STRICT Expected CRLF after version @15"]),
            ("GET / HTTP/1.1x", &["! HPE_INVALID_VERSION Expected CRLF after version @14"]),
        ],
    );
}

#[test]
fn request_targets() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("GET * HTTP/1.1\r\n\r\n", &["R GET 1.1 * K ", "E "]),
            ("GET *x HTTP/1.1\r\n\r\n", &["R GET 1.1 *x K ", "E "]),
            ("GET /a/b?c=d&e#f#g?h HTTP/1.1\r\n\r\n", &["R GET 1.1 /a/b?c=d&e#f#g?h K ", "E "]),
            ("GET /%zz HTTP/1.1\r\n\r\n", &["R GET 1.1 /%zz K ", "E "]),
            ("GET /a?b?c HTTP/1.1\r\n\r\n", &["R GET 1.1 /a?b?c K ", "E "]),
            ("GET /<>\"{}|\\^`[] HTTP/1.1\r\n\r\n", &["R GET 1.1 /<>\"{}|\\^`[] K ", "E "]),
            ("GET //a HTTP/1.1\r\n\r\n", &["R GET 1.1 //a K ", "E "]),
            ("GET http://h HTTP/1.1\r\n\r\n", &["R GET 1.1 http://h K ", "E "]),
            ("GET http://h/ HTTP/1.1\r\n\r\n", &["R GET 1.1 http://h/ K ", "E "]),
            ("GET http://h:80/a?b HTTP/1.1\r\n\r\n", &["R GET 1.1 http://h:80/a?b K ", "E "]),
            ("GET http://u:p@h/ HTTP/1.1\r\n\r\n", &["R GET 1.1 http://u:p@h/ K ", "E "]),
            ("GET http://u@h?x HTTP/1.1\r\n\r\n", &["R GET 1.1 http://u@h?x K ", "E "]),
            ("GET http://a@b@c/ HTTP/1.1\r\n\r\n", &["R GET 1.1 http://a@b@c/ K ", "E "]),
            ("GET http://[::1]:8/ HTTP/1.1\r\n\r\n", &["R GET 1.1 http://[::1]:8/ K ", "E "]),
            ("GET HTTP://h HTTP/1.1\r\n\r\n", &["R GET 1.1 HTTP://h K ", "E "]),
            ("GET ws://h/x HTTP/1.1\r\n\r\n", &["R GET 1.1 ws://h/x K ", "E "]),
            ("GET example.com HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @11"]),
            ("GET ?a HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected start char in url @4"]),
            ("GET # HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected start char in url @4"]),
            ("GET http:/b HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @10"]),
            ("GET urn:x HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @8"]),
            ("GET http://b#x HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url server @12"]),
            ("GET http://a@@b/ HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Double @ in url @14"]),
            ("GET h2://b/ HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @5"]),
            ("GET a HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @6"]),
            ("GET mailto:x HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @11"]),
            ("GET /\t HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @6"]),
            ("GET /a\tb HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @7"]),
            ("GET /\x0c HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @6"]),
            ("GET /\x01 HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url path @5"]),
            ("GET /\x7f HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url path @5"]),
            ("GET /\u{80} HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url path @5"]),
            ("GET /\u{ff} HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url path @5"]),
            ("GET /a?\x01 HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url query @7"]),
            ("GET /a#\x01 HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url fragment start @7"]),
            ("GET /a?\u{e9} HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid char in url query @7"]),
            ("GET http://\u{e9}/ HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url server @11"]),
            ("GET http://a b/ HTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected HTTP/, RTSP/ or ICE/ @13"]),
            ("GET 1://b HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected start char in url @4"]),
            ("GET http:/\x0cb HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @10"]),
            ("GET  /  HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("GET HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @8"]),
            ("GET  HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url schema @9"]),
            ("GET \r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @5"]),
            ("GET \tx", &["! HPE_INVALID_URL Invalid characters in url @5"]),
            ("GET / \tHTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @7"]),
            ("GET /  \tHTTP/1.1\r\n\r\n", &["! HPE_INVALID_CONSTANT Expected HTTP/, RTSP/ or ICE/ @7"]),
            ("GET /\r\n\tx: y\r\n\r\n", &["! HPE_INVALID_URL Invalid characters in url @8"]),
        ],
    );
}

#[test]
fn connect_takes_an_authority() {
    check(
        &Config::default(),
        false,
        &[
            ("CONNECT h:80 HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 h:80 KU ", "E ", "U "]),
            ("CONNECT h HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 h KU ", "E ", "U "]),
            ("CONNECT [::1]:443 HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 [::1]:443 KU ", "E ", "U "]),
            ("CONNECT u@h:1 HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 u@h:1 KU ", "E ", "U "]),
            ("CONNECT / HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 / KU ", "E ", "U "]),
            ("CONNECT ?a HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 ?a KU ", "E ", "U "]),
            ("CONNECT # HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url server @8"]),
            ("CONNECT @@ HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Double @ in url @10"]),
            ("CONNECT h:80/x HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 h:80/x KU ", "E ", "U "]),
            ("CONNECT \u{e9} HTTP/1.1\r\n\r\n", &["! HPE_INVALID_URL Unexpected char in url server @8"]),
            ("CONNECT * HTTP/1.1\r\n\r\n", &["R CONNECT 1.1 * KU ", "E ", "U "]),
        ],
    );
}

#[test]
fn blank_lines_ahead_of_a_request() {
    check(
        &Config::default(),
        false,
        &[
            ("\r\nGET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("\n\nGET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("\r\r\nGET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("\rGET / HTTP/1.1\r\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("\r\n\0", &["! HPE_INVALID_METHOD Invalid method encountered @2"]),
        ],
    );
}

#[test]
fn field_lines() {
    check(
        &Config::default(),
        false,
        &[
            ("GET / HTTP/1.1\r\na: b\r\n\r\n", &["R GET 1.1 / K a=b;", "E "]),
            ("GET / HTTP/1.1\r\na:b\r\n\r\n", &["R GET 1.1 / K a=b;", "E "]),
            ("GET / HTTP/1.1\r\na: \t b \t \r\n\r\n", &["R GET 1.1 / K a=b;", "E "]),
            ("GET / HTTP/1.1\r\na:\r\n\r\n", &["R GET 1.1 / K a=;", "E "]),
            ("GET / HTTP/1.1\r\na: \r\n\r\n", &["R GET 1.1 / K a=;", "E "]),
            ("GET / HTTP/1.1\r\na: b c\r\n\r\n", &["R GET 1.1 / K a=b c;", "E "]),
            ("GET / HTTP/1.1\r\na: \u{e9}\u{ff}\r\n\r\n", &["R GET 1.1 / K a=\u{e9}\u{ff};", "E "]),
            ("GET / HTTP/1.1\r\na:b:c\r\n\r\n", &["R GET 1.1 / K a=b:c;", "E "]),
            ("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09: x\r\n\r\n", &["R GET 1.1 / K !#$%&'*+-.^_`|~09=x;", "E "]),
            ("GET / HTTP/1.1\r\na:b\r\nA: c\r\na:d\r\n\r\n", &["R GET 1.1 / K a=b;A=c;a=d;", "E "]),
            ("GET / HTTP/1.1\r\nHost: x\r\nHOST: y\r\n\r\n", &["R GET 1.1 / K Host=x;HOST=y;", "E "]),
            ("GET / HTTP/1.1\r\na : b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\na\t: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\na b: c\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\n: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @16"]),
            ("GET / HTTP/1.1\r\n a: b\r\n\r\n", &["! HPE_UNEXPECTED_SPACE Unexpected space after start line @17"]),
            ("GET / HTTP/1.1\r\n\ta: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @16"]),
            (
                "GET / HTTP/1.1\r\nx: y\r\n z\r\n\r\n",
                &["! HPE_INVALID_HEADER_TOKEN Unexpected whitespace after header value @22"],
            ),
            (
                "GET / HTTP/1.1\r\nx: y\r\n\tz\r\n\r\n",
                &["! HPE_INVALID_HEADER_TOKEN Unexpected whitespace after header value @22"],
            ),
            ("GET / HTTP/1.1\r\nx:\r\n z\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @21"]),
            (
                "GET / HTTP/1.1\r\nx: y\r\n \r\n\r\n",
                &["! HPE_INVALID_HEADER_TOKEN Unexpected whitespace after header value @22"],
            ),
            ("GET / HTTP/1.1\r\na\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\na\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\na\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\na: b\n\r\n", &["! HPE_CR_EXPECTED Missing expected CR after header value @20"]),
            ("GET / HTTP/1.1\r\na:\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @19"]),
            ("GET / HTTP/1.1\r\n\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header field char @17"]),
            ("GET / HTTP/1.1\r\n\rx\r\n", &["! HPE_STRICT Expected LF after headers @17"]),
            ("GET / HTTP/1.1\r\na: b\rx\r\n", &["! HPE_LF_EXPECTED Missing expected LF after header value @21"]),
            ("GET / HTTP/1.1\r\na:\rx\r\n", &["! HPE_STRICT Expected LF after CR @19"]),
            ("GET / HTTP/1.1\r\na: \0b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @19"]),
            ("GET / HTTP/1.1\r\na: b\0\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @20"]),
            ("GET / HTTP/1.1\r\na: \x01\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @19"]),
            ("GET / HTTP/1.1\r\na: \x7f\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @19"]),
            ("GET / HTTP/1.1\r\na: \x0b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header value char @19"]),
            ("GET / HTTP/1.1\r\n\0: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @16"]),
            ("GET / HTTP/1.1\r\na\0: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\n\u{80}: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @16"]),
            ("GET / HTTP/1.1\r\na\"b: c\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @17"]),
            ("GET / HTTP/1.1\r\n(a): b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @16"]),
            (
                "GET / HTTP/1.1\r\nConnection : close\r\n\r\n",
                &["! HPE_INVALID_HEADER_TOKEN Invalid header field char @27"],
            ),
            ("GET / HTTP/1.1\r\nUpgrade : x\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header field char @24"]),
            (
                "GET / HTTP/1.1\r\ncontent-length : 5\r\n\r\n",
                &["! HPE_INVALID_HEADER_TOKEN Invalid header field char @31"],
            ),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @20"]),
        ],
    );
}

#[test]
fn lenient_heads() {
    check(
        &lenient(),
        false,
        &[
            ("POST / HTTP/1.1\r\nx: y\r\n z\r\n\r\n", &["R POST 1.1 / K x=y z;", "E "]),
            ("POST / HTTP/1.1\r\nx: y\r\n\tz\r\n\r\n", &["R POST 1.1 / K x=y\tz;", "E "]),
            ("POST / HTTP/1.1\r\nx:\r\n z\r\n\r\n", &["R POST 1.1 / K x=z;", "E "]),
            ("POST / HTTP/1.1\r\nContent-Length : 0\r\n\r\n", &["R POST 1.1 / K Content-Length =0;", "E "]),
            ("POST / HTTP/1.1\r\n a: b\r\n\r\n", &["R POST 1.1 / K a=b;", "E "]),
            ("POST / HTTP/1.1\r\na: b\x01c\r\n\r\n", &["R POST 1.1 / K a=b\x01c;", "E "]),
            ("POST / HTTP/1.1\r\na: b\n\r\n", &["R POST 1.1 / K a=b;", "E "]),
            ("POST / HTTP/1.1\r\na:\n\r\n", &["R POST 1.1 / K a=;", "E "]),
            (
                "POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Content-Length=0;Transfer-Encoding=chunked;", "E "],
            ),
            ("GET / HTTP/1.1\r\nConnection: close\r\n a\r\n\r\n", &["R GET 1.1 /  Connection=close a;", "E "]),
            ("GET / HTTP/1.1\r\nConnection: a\x01, close\r\n\r\n", &["R GET 1.1 / K Connection=a\x01, close;", "E "]),
            ("GET / HTTP/1.1\r\nConnection: close, a\x01\r\n\r\n", &["R GET 1.1 /  Connection=close, a\x01;", "E "]),
            ("GET / HTTP/1.1\r\nConnection: a\r\n close\r\n\r\n", &["R GET 1.1 /  Connection=a close;", "E "]),
            (
                "GET / HTTP/1.1\r\nConnection: keep-alive\r\n , close\r\n\r\n",
                &["R GET 1.1 / K Connection=keep-alive , close;", "E "],
            ),
            (
                "GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n x\r\n\r\n",
                &["R GET 1.1 / KU Upgrade=x;Connection=upgrade x;", "E ", "U "],
            ),
            ("POST / HTTP/1.1\r\na: b\rx\r\n", &["! HPE_LF_EXPECTED Missing expected LF after header value @22"]),
            ("GET / HTTP/1.1\n\r\n", &["R GET 1.1 / K ", "E "]),
            ("GET / HTTP/3.7\r\n\r\n", &["R GET 3.7 / K ", "E "]),
            ("GET / HTTP/1.1\r\n\n", &["R GET 1.1 / K ", "E "]),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 /  Connection=close;", "E ", "R GET 1.1 /next K ", "E "],
            ),
        ],
    );
}

#[test]
fn relaxed_values_may_hold_control_characters_and_nothing_else_is_looser() {
    check(
        &Config { validation: Validation::Relaxed, ..Config::default() },
        false,
        &[
            ("POST / HTTP/1.1\r\na: b\x01c\r\n\r\n", &["R POST 1.1 / K a=b\x01c;", "E "]),
            ("POST / HTTP/1.1\r\na: \x7f\r\n\r\n", &["R POST 1.1 / K a=\x7f;", "E "]),
            ("POST / HTTP/1.1\r\na: b\x1b \r\n\r\n", &["R POST 1.1 / K a=b\x1b;", "E "]),
            ("POST / HTTP/1.1\r\nConnection: close\x01\r\n\r\n", &["R POST 1.1 / K Connection=close\x01;", "E "]),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\x01\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @34"],
            ),
            ("POST / HTTP/1.1\r\na\x01: b\r\n\r\n", &["! HPE_INVALID_HEADER_TOKEN Invalid header token @18"]),
            (
                "POST / HTTP/1.1\r\na: b\x01\nc\r\n\r\n",
                &["! HPE_CR_EXPECTED Missing expected CR after header value @22"],
            ),
            (
                "POST / HTTP/1.1\r\na: b\x01\rc\r\n\r\n",
                &["! HPE_LF_EXPECTED Missing expected LF after header value @23"],
            ),
            (
                "POST / HTTP/1.1\r\na: b\r\n c\r\n\r\n",
                &["! HPE_INVALID_HEADER_TOKEN Unexpected whitespace after header value @23"],
            ),
            ("POST / HTTP/1.1\r\na: b\n\r\n", &["! HPE_CR_EXPECTED Missing expected CR after header value @21"]),
        ],
    );
    // Node 26 takes a NUL and never comes back from it.
    let refused = support::events_of(
        &Config { validation: Validation::Relaxed, ..Config::default() },
        &[b"POST / HTTP/1.1\r\na: b\0c\r\n\r\n"],
        false,
    );
    assert_eq!(refused.len(), 1);
    assert!(refused[0].starts_with("! HPE_INVALID_HEADER_TOKEN"), "{refused:?}");
}
