//! The table of parse errors, and the limits that raise some of them.

mod support;

use support::{events_by_byte, events_of, without_position};
use turnout::engine::error::ParseError;
use turnout::engine::h1::Config;

#[test]
fn every_error_has_its_own_code_and_reason_at_its_index() {
    for (index, error) in ParseError::ALL.iter().enumerate() {
        assert_eq!(error.index() as usize, index);
        assert!(error.code().starts_with("HPE_"), "{error}");
        let twins =
            ParseError::ALL.iter().filter(|other| (other.code(), other.reason()) == (error.code(), error.reason()));
        assert_eq!(twins.count(), 1, "{error}");
        assert_eq!(error.to_string(), format!("{}: {}", error.code(), error.reason()));
    }
}

#[test]
fn overflows_have_statuses_of_their_own() {
    let with = |status| ParseError::ALL.iter().filter(move |error| error.status() == status);
    assert_eq!(with(431).collect::<Vec<_>>(), [&ParseError::HeaderOverflow]);
    assert_eq!(with(413).collect::<Vec<_>>(), [&ParseError::ChunkExtensionsOverflow]);
    assert_eq!(with(400).count(), ParseError::ALL.len() - 2);
}

const HEAD: &str = "GET / HTTP/1.1\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The last event of `input`, which must be the same (but for an error's position) byte by byte.
fn last_event(config: &Config, input: &str) -> String {
    let whole = events_of(config, &[input.as_bytes()], false);
    let by_byte = events_by_byte(config, input.as_bytes(), false);
    let last = whole.last().cloned().unwrap_or_default();
    assert_eq!(by_byte.last().cloned().unwrap_or_default(), without_position(&last));
    last
}

#[test]
fn a_head_of_the_maximum_size_overflows_and_one_byte_less_does_not() {
    let config = Config::default();
    let value = |length: usize| format!("{HEAD}a:{}\r\n\r\n", "b".repeat(length));
    assert_eq!(last_event(&config, &value(16_381)), "E ");
    assert_eq!(last_event(&config, &value(16_382)), "! HPE_HEADER_OVERFLOW Header overflow @16401");
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "b".repeat(length));
    assert_eq!(last_event(&config, &target(16_382)), "E ");
    assert_eq!(last_event(&config, &target(16_383)), "! HPE_HEADER_OVERFLOW Header overflow @16388");
    let name = |length: usize| format!("{HEAD}{}:\r\n\r\n", "b".repeat(length));
    assert_eq!(last_event(&config, &name(16_382)), "E ");
    assert_eq!(last_event(&config, &name(16_383)), "! HPE_HEADER_OVERFLOW Header overflow @16400");
}

#[test]
fn a_head_overflows_before_its_line_ends() {
    let input = format!("{HEAD}a:{}", "b".repeat(16_383));
    assert_eq!(last_event(&Config::default(), &input), "! HPE_HEADER_OVERFLOW Header overflow @16401");
}

#[test]
fn each_head_of_a_connection_has_the_whole_limit() {
    let config = Config { max_header_size: 20, ..Config::default() };
    let events = events_of(&config, &[format!("{HEAD}a:0123456789\r\n\r\n").repeat(3).as_bytes()], false);
    assert_eq!(events.len(), 6, "{events:?}");
}

#[test]
fn fields_are_counted() {
    let fields = |count: usize| format!("{HEAD}{}\r\n", "a:b\r\n".repeat(count));
    let config = |max_fields| Config { max_fields, ..Config::default() };
    assert_eq!(last_event(&config(4), &fields(4)), "E ");
    assert_eq!(last_event(&config(4), &fields(5)), "! HPE_HEADER_OVERFLOW Header overflow @38");
    assert_eq!(last_event(&Config::default(), &fields(1_000)), "E ");
    assert!(last_event(&Config::default(), &fields(1_001)).starts_with("! HPE_HEADER_OVERFLOW"));
    assert_eq!(last_event(&config(0), &fields(5_000)), "E ");
}

#[test]
fn trailers_have_the_heads_limits() {
    let config = Config::default();
    let trailer = |length: usize| format!("{CHUNKED}0\r\na:{}\r\n\r\n", "b".repeat(length));
    assert!(last_event(&config, &trailer(16_382)).starts_with("E a="));
    assert!(last_event(&config, &trailer(16_383)).starts_with("! HPE_HEADER_OVERFLOW"));
}

#[test]
fn chunk_extensions_overflow_above_16_kib_a_chunk() {
    let config = Config::default();
    let extension = |length: usize| format!("{CHUNKED}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(length));
    assert_eq!(last_event(&config, &extension(16_384)), "E ");
    assert!(last_event(&config, &extension(16_385)).starts_with("! HPE_CHUNK_EXTENSIONS_OVERFLOW"));
    let chunks = format!("1;{}\r\na\r\n", "x".repeat(10_000)).repeat(3);
    assert_eq!(last_event(&config, &format!("{CHUNKED}{chunks}0\r\n\r\n")), "E ");
}

#[test]
fn lenient_values_may_not_hold_nul() {
    let config = support::lenient();
    let last = last_event(&config, &format!("{HEAD}a: b\0c\r\n\r\n"));
    assert_eq!(last, "! HPE_INVALID_HEADER_TOKEN Invalid header value char @20");
}
