//! An id for executables that were given none.

use std::fmt::Write;

use sha2::{Digest, Sha256};

const PART: usize = 4_096;

/// `process.executable.build_id.htlhash`: of the first and the last 4 KiB and the length, 32 hexadecimal digits
/// (https://opentelemetry.io/docs/specs/semconv/registry/attributes/process/).
pub fn htlhash(file: &[u8]) -> String {
    let (head, tail) = (PART.min(file.len()), file.len().saturating_sub(PART));
    let mut hash = Sha256::new();
    hash.update(&file[..head]);
    hash.update(&file[tail..]);
    hash.update((file.len() as u64).to_be_bytes());
    let digest = hash.finalize();
    let mut text = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_head_tail_and_length() {
        let of = |text: &str| -> Vec<u8> { text.bytes().collect() };
        // printf 'abcabc\0\0\0\0\0\0\0\003' | sha256sum
        assert_eq!(htlhash(&of("abc")), SHORT);
        let mut long = vec![0_u8; 100_000];
        let before = htlhash(&long);
        long[50_000] = 1;
        assert_eq!(htlhash(&long), before, "the middle is not looked at");
        long[99_999] = 1;
        assert_ne!(htlhash(&long), before);
        assert_eq!(htlhash(&[]).len(), 32);
    }

    const SHORT: &str = "a7e79e8a85da69bad5c3fea209342ac9";
}
