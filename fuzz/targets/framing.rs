//! Messages from a peer: what they mean must not depend on where reads end, and a body must be what its framing says.

use turnout::engine::h1::{Config, Expected, Validation};

use super::support::{events_of, response_events, without_position};

/// Settings from one byte: the first of an input.
fn config_of(byte: u8) -> Config {
    Config {
        validation: match byte & 3 {
            0 => Validation::Strict,
            2 => Validation::Relaxed,
            _ => Validation::Insecure,
        },
        max_header_size: if byte & 4 != 0 { 64 } else { 16_384 },
        max_fields: if byte & 8 != 0 { 3 } else { 1_000 },
    }
}

/// The reads that `bytes` come in when the first is cut off after `at`, and the rest after every `step`.
fn cut(bytes: &[u8], at: u8, step: u8) -> Vec<&[u8]> {
    let (first, rest) = bytes.split_at(usize::from(at).min(bytes.len()));
    [first].into_iter().filter(|read| !read.is_empty()).chain(rest.chunks(usize::from(step).max(1))).collect()
}

fn plain(events: &[String]) -> Vec<String> {
    events.iter().map(|event| without_position(event)).collect()
}

/// One error at most, and nothing after it.
fn check_order(events: &[String]) {
    let errors = events.iter().filter(|event| event.starts_with("! ")).count();
    let last = events.last().is_some_and(|event| event.starts_with("! "));
    assert!(errors == usize::from(last), "an error is the last event: {events:?}");
}

/// Where `max_header_size` is met depends on where reads end, when another fault is near.
fn overflows(events: &[String]) -> bool {
    events.iter().any(|event| event.contains("OVERFLOW"))
}

/// Settings, first cut, further cuts, then what a client sends.
pub fn request_head(data: &[u8]) {
    let Some((&[settings, at, step], bytes)) = data.split_first_chunk::<3>() else { return };
    let config = config_of(settings);
    let whole = events_of(&config, &[bytes], true);
    check_order(&whole);
    for reads in [cut(bytes, at, step), cut(bytes, 1, 1)] {
        let parts = events_of(&config, &reads, true);
        check_order(&parts);
        if !overflows(&whole) && !overflows(&parts) {
            assert_eq!(plain(&parts), plain(&whole), "cut as {reads:?}");
        }
    }
}

/// A chunked body by the letter of RFC 9112 §7.1, extensions skipped: what a strict decoder may have taken.
fn naive_chunks(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let size = bytes.get(..line)?.split(|&byte| byte == b';').next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        bytes = bytes.get(line + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// Settings, first cut, further cuts, then a chunked body and what follows it.
pub fn chunked_body(data: &[u8]) {
    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let Some((&[settings, at, step], bytes)) = data.split_first_chunk::<3>() else { return };
    // The size of heads is for `request_head`.
    let config = Config { max_header_size: 16_384, ..config_of(settings) };
    let message = [HEAD, bytes].concat();
    let whole = events_of(&config, &[&message], false);
    check_order(&whole);
    let mut reads = vec![HEAD];
    reads.extend(cut(bytes, at, step));
    let parts = events_of(&config, &reads, false);
    if !overflows(&whole) && !overflows(&parts) {
        assert_eq!(plain(&parts), plain(&whole), "cut as {reads:?}");
    }
    let body: String =
        whole.iter().skip(1).take(1).filter_map(|event| event.strip_prefix("B ")).map(str::to_owned).collect();
    assert!(body.chars().count() <= bytes.len(), "a body is no longer than its framing");
    let complete = whole.iter().skip(1).take(2).any(|event| event.starts_with("E "));
    if complete && !config.validation.is_lenient() {
        let expected = naive_chunks(bytes).expect("what was decoded is well-formed");
        assert_eq!(super::support::bytes(&body), expected);
    }
}

/// What answers the request: later reads are told as raw bytes, the same read is parsed on.
fn until_answered(events: &[String]) -> Vec<String> {
    let status = |event: &str| event.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut answer = Vec::new();
    let mut pending_interim = false;
    for event in events {
        answer.push(without_position(event));
        if event.starts_with("S ") {
            pending_interim = matches!(status(event), 100 | 102..=199);
        } else if event.starts_with("E ") && !pending_interim {
            break;
        }
    }
    answer
}

/// Settings, first cut, further cuts, then what a server sends.
pub fn response(data: &[u8]) {
    let Some((&[settings, at, step], bytes)) = data.split_first_chunk::<3>() else { return };
    let config = Config { max_fields: 0, ..config_of(settings) };
    let request = Expected { seq: 1, head: settings & 16 != 0, connect: settings & 32 != 0 };
    let whole = response_events(&config, request, &[bytes]);
    check_order(&whole);
    let reads = cut(bytes, at, step);
    let parts = response_events(&config, request, &reads);
    if !overflows(&whole) && !overflows(&parts) {
        assert_eq!(until_answered(&parts), until_answered(&whole), "cut as {reads:?}");
    }
}
