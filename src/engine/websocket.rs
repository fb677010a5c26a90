//! Masking of WebSocket payloads (RFC 6455 §5.3).

/// XORs `data` with `key` repeated; `key` in the byte order of the wire. Masking and unmasking are the same.
pub fn mask(data: &mut [u8], key: [u8; 4]) {
    // Eight bytes a step: the compiler makes vectors of it.
    let pair = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut steps = data.chunks_exact_mut(8);
    for step in &mut steps {
        let word = u64::from_ne_bytes(step.try_into().expect("chunks_exact(8) gives eight bytes"));
        step.copy_from_slice(&(word ^ pair).to_ne_bytes());
    }
    for (byte, key) in steps.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn every_length_is_what_byte_by_byte_gives() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..=67 {
            let plain: Vec<u8> = (0..length).collect();
            let expected: Vec<u8> = plain.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            let mut data = plain;
            mask(&mut data, key);
            assert_eq!(data, expected, "length {length}");
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 6455 §5.7: "Hello", masked.
        let mut data = *b"Hello";
        mask(&mut data, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(data, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }
}
