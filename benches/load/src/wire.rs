//! The bytes of requests and answers.

pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

pub fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

/// RFC 6455 §5.2: a final binary frame's head, without masking key.
pub fn frame_head(size: usize, masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut head = vec![0x82];
    match size {
        0..=125 => head.push(mask | size as u8),
        126..=0xffff => {
            head.push(mask | 126);
            head.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            head.push(mask | 127);
            head.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    head
}

/// Bytes that show a shift or a gap when they come back.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 12\r\n\r\nbody";
        assert_eq!(head_end(head), Some(head.len() - 4));
        assert_eq!(head_end(&head[..20]), None);
        assert_eq!(content_length(&head[..head.len() - 4]), Some(12));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\n\r\n"), None);
    }

    #[test]
    fn frames() {
        assert_eq!(frame_head(64, false), [0x82, 64]);
        assert_eq!(frame_head(16384, true), [0x82, 0xfe, 0x40, 0]);
        assert_eq!(frame_head(65536, false), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
