//! What is sent from one program to another, and whether it came through.

use crate::shell;

/// Bytes that look random and are the same in each run (xorshift64).
pub fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The lines `SHA-256  NAME` for the files in a folder, without the hidden ones; by coreutils: a
/// judge that shares no code with those it judges.
pub fn sha256_lines(folder: &str) -> Result<Vec<String>, String> {
    let lines = shell::capture(&format!("cd {folder} && sha256sum *"))?;
    Ok(lines.lines().map(str::to_owned).collect())
}

/// The SHA-256 of one file, by the same judge.
pub fn sha256(path: &str) -> Result<String, String> {
    let line = shell::capture(&format!("sha256sum {path}"))?;
    line.split_whitespace().next().map(str::to_owned).ok_or_else(|| "no hash".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_have_their_length_and_differ_by_seed() {
        assert_eq!(random_bytes(1, 17).len(), 17);
        assert_ne!(random_bytes(1, 16), random_bytes(2, 16));
    }
}
