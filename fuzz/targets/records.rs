//! What JavaScript hands down: packed commands, and payloads to mask.

use turnout::engine::net::command::{self, HEADER};
use turnout::engine::websocket::mask;

/// Commands from any bytes: every record lies within them, and each takes some off.
pub fn commands(data: &[u8]) {
    let mut rest = data;
    while let Some((command, record)) = {
        let before = rest.len();
        let next = command::next(&mut rest);
        assert!(next.is_none() || before - rest.len() >= HEADER, "each command takes its header at least");
        next
    } {
        assert!(command.head_length <= command.payload.len());
        assert!(HEADER + command.payload.len() <= record.len());
        assert_eq!(record.get(HEADER..HEADER + command.payload.len()), Some(command.payload));
    }
    // What is no command is left where it is.
    assert!(data.ends_with(rest));
    assert!(command::next(&mut { rest }).is_none());
}

/// Four bytes of key, then the payload.
pub fn websocket_mask(data: &[u8]) {
    let Some((key, payload)) = data.split_first_chunk::<4>() else { return };
    let mut masked = payload.to_vec();
    mask(&mut masked, *key);
    for (at, (byte, plain)) in masked.iter().zip(payload).enumerate() {
        assert_eq!(*byte, plain ^ key[at % 4], "byte {at}");
    }
    mask(&mut masked, *key);
    assert_eq!(masked, payload);
}
