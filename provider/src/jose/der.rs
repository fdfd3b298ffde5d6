//! The few pieces of DER that texts of keys are made of (X.690).

/// Big-endian, with a zero in front where the number would look negative.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let zero: &[u8] = if sign { &[0] } else { &[] };
    [zero, bytes].concat()
}

/// A value of less than 64 KiB (X.690 §8.1).
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let mut value = vec![tag];
    match length {
        0..=0x7f => value.extend(&length.to_be_bytes()[1..]),
        0x80..=0xff => value.extend([&[0x81], &length.to_be_bytes()[1..]].concat()),
        _ => value.extend([&[0x82], &length.to_be_bytes()[..]].concat()),
    }
    value.extend(content);
    value
}
