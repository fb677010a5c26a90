//! Message bodies (RFC 9112 §6 and §7): where they end, and what is refused.

mod support;

use support::{check, lenient};
use turnout::engine::h1::Config;

#[test]
fn content_length_values() {
    check(
        &Config::default(),
        false,
        &[
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=5;", "B hello", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5\r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=5;", "B hello", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5 \r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=5;", "B hello", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:\t5\t\r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=5;", "B hello", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 05\r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=05;", "B hello", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 000005\r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=000005;", "B hello", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:0\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=0;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:00\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
                &["R POST 1.1 / K Content-Length=00;", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:+5\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @32"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:-0\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @32"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5,5\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @33"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5, 5\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @33"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:0x5\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @33"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5 5\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @34"],
            ),
            ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", &["! HPE_INVALID_CONTENT_LENGTH Empty Content-Length @34"]),
            (
                "POST / HTTP/1.1\r\nContent-Length:  \r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Empty Content-Length @36"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5.0\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @33"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5;\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @33"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:\u{b5}\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @32"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:18446744073709551616\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Content-Length overflow @52"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:99999999999999999999999\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Content-Length overflow @52"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:5x\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @33"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length:\x005\r\n\r\n",
                &["! HPE_INVALID_CONTENT_LENGTH Invalid character in Content-Length @32"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nabc",
                &["R POST 1.1 / K Content-Length=18446744073709551615;", "B abc"],
            ),
        ],
    );
}

#[test]
fn content_length_occurs_once_and_without_transfer_encoding() {
    check(
        &Config::default(),
        false,
        &[
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                &["! HPE_UNEXPECTED_CONTENT_LENGTH Duplicate Content-Length @52"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\nhello",
                &["! HPE_UNEXPECTED_CONTENT_LENGTH Duplicate Content-Length @52"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
                &["! HPE_INVALID_TRANSFER_ENCODING Transfer-Encoding can't be present with Content-Length @54"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
                &["! HPE_INVALID_CONTENT_LENGTH Content-Length can't be present with Transfer-Encoding @60"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
                &["! HPE_INVALID_CONTENT_LENGTH Content-Length can't be present with Transfer-Encoding @57"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding:\r\n\r\nhello",
                &["! HPE_INVALID_TRANSFER_ENCODING Transfer-Encoding can't be present with Content-Length @54"],
            ),
            (
                "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /next HTTP/1.1\r\n\r\n",
                &["R GET 1.1 / K Content-Length=3;", "B abc", "E ", "R GET 1.1 /next K ", "E "],
            ),
            (
                "HEAD / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /next HTTP/1.1\r\n\r\n",
                &["R HEAD 1.1 / K Content-Length=3;", "B abc", "E ", "R GET 1.1 /next K ", "E "],
            ),
            ("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", &["R POST 1.0 /  Content-Length=3;", "B abc", "E "]),
        ],
    );
}

#[test]
fn transfer_encoding_values() {
    check(
        &Config::default(),
        false,
        &[
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding:chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=Chunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED \r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=CHUNKED;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=gzip, chunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=, chunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding:gzip,chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=gzip,chunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip ,\tchunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=gzip ,\tchunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Empty Transfer-Encoding @37"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: \r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Empty Transfer-Encoding @38"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding:chunked,\r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value @43"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value @44"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value @44"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=identity;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @48",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=gzip;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @44",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=xchunked;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @48",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunkedx\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunkedx;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @48",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;q=1;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @51",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=\"chunked\";",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @49",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\t\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @48",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked x\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked x;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @49",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chu,nked\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chu,nked;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @48",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: cchunked\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=cchunked;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @48",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=gzip;Transfer-Encoding=chunked;"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value @65"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
                &["! HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value @65"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: gzip\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=gzip;Transfer-Encoding=gzip;",
                    "! HPE_INVALID_TRANSFER_ENCODING Request has invalid `Transfer-Encoding` @69",
                ],
            ),
            (
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.0 /  Transfer-Encoding=chunked;", "E "],
            ),
        ],
    );
}

#[test]
fn chunk_sizes() {
    check(
        &Config::default(),
        false,
        &[
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B hello", "E ", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n05\r\nhello\r\n000\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B hello", "E ", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000000000005\r\nhello\r\n0\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B hello", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B 01234567890123456789", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B abc", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B abc"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Chunk size overflow @64"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @47"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @49"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\t\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @49"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @47"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 ;a\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @49"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_CR_EXPECTED Missing expected CR after chunk size @49"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\rx", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_STRICT Expected LF after chunk size @49"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @48"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @47"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @47"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @47"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5g\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @48"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\u{80}", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @47"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\0", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @48"]),
        ],
    );
}

#[test]
fn chunk_data_ends_in_crlf() {
    check(
        &Config::default(),
        false,
        &[
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_CR_EXPECTED Missing expected CR after chunk data @52"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_STRICT Expected LF after chunk data @51"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\rb", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_STRICT Expected LF after chunk data @52"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_STRICT Expected LF after chunk data @52"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_CR_EXPECTED Missing expected CR after chunk size @55"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_INVALID_HEADER_TOKEN Invalid header field char @57"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\rx", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_STRICT Expected LF after headers @57"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E ", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na0\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "! HPE_STRICT Expected LF after chunk data @51"]),
        ],
    );
}

#[test]
fn chunk_extensions() {
    check(
        &Config::default(),
        false,
        &[
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b c\"\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\\\"\"\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a;b=c;d=\"e\"\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;=b\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;;\r\na\r\n0\r\n\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions @51",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=;b\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\"c\"\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\";c\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\u{e9}\t\"\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1; a",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions @50",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1; ",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions @50",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions @50",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a b",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions name @51",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a(",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions name @51",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1; a=b",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions @50",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b c",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions value @53",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a= b",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions value @52",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=(",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions value @52",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"c",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions quote value @54",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\x01",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions quoted value @54",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\\\x01",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid quoted-pair in chunk extensions quoted value @55",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_CR_EXPECTED Missing expected CR after chunk extension name @50",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_CR_EXPECTED Missing expected CR after chunk extension value @52",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_CR_EXPECTED Missing expected CR after chunk extension value @54",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_CR_EXPECTED Missing expected CR after chunk extension name @49",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\x7f",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions quoted value @53",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\u{80}",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions name @51",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\u{e9}",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions value @52",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_STRICT Invalid character in chunk extensions quoted value @54",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\rx",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_STRICT Expected LF after chunk size @51"],
            ),
        ],
    );
}

#[test]
fn trailers() {
    check(
        &Config::default(),
        false,
        &[
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E a=b;", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\nC:  d \r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E a=b;C=d;"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na:\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E a=;"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_CONTENT_LENGTH Content-Length can't be present with Transfer-Encoding @65"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding` header value @70"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E Connection=close;", "! HPE_CLOSED_CONNECTION Data after `Connection: close` @72"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: keep-alive\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E Connection=keep-alive;", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nGET /next HTTP/1.1\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E Upgrade=x;Connection=upgrade;", "R GET 1.1 /next K ", "E "]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n a: b\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_HEADER_TOKEN Invalid header token @50"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na : b\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_HEADER_TOKEN Invalid header token @51"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_CR_EXPECTED Missing expected CR after header value @54"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n c\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_HEADER_TOKEN Unexpected whitespace after header value @56"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n: b\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_HEADER_TOKEN Invalid header token @50"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: \x01\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "! HPE_INVALID_HEADER_TOKEN Invalid header value char @53"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: x\r\n\r\n", &["R POST 1.1 / K Transfer-Encoding=chunked;", "E Host=x;"]),
        ],
    );
}

#[test]
fn lenient_bodies() {
    check(
        &lenient(),
        false,
        &[
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 0\r\na\r\n",
                &[
                    "R POST 1.1 / K Transfer-Encoding=chunked;",
                    "! HPE_INVALID_CHUNK_SIZE Invalid character in chunk size @49",
                ],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \t;b\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nall of it",
                &["R POST 1.1 / K Transfer-Encoding=gzip;", "B all of it"],
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                &["R POST 1.1 / K Content-Length=3;Transfer-Encoding=chunked;", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabc",
                &["R POST 1.1 / K Transfer-Encoding=chunked, gzip;", "B abc"],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, \t chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                &["R POST 1.1 / K Transfer-Encoding=chunked, \t chunked;", "B a", "E "],
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n chunked\r\n\r\nabc",
                &["R POST 1.1 / K Transfer-Encoding=chunked, chunked;", "B abc"],
            ),
        ],
    );
}
