//! Letters that come in pieces: a token may end inside a character.

/// Puts characters together from bytes.
#[derive(Default)]
pub(super) struct Utf8Assembler {
    /// The beginning of a character, at most three bytes.
    held: Vec<u8>,
}

impl Utf8Assembler {
    /// The whole characters so far; bytes that can't be part of one become U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.held.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    let Some(broken) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[broken..];
                }
            }
        }
        self.held = rest.to_vec();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_out_whole_however_they_are_cut() {
        let text = "né 你好 🙂!";
        for size in 1..=4 {
            let mut assembler = Utf8Assembler::default();
            let joined: String = text.as_bytes().chunks(size).map(|bytes| assembler.push(bytes)).collect();
            assert_eq!(joined, text, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_character_is_replaced_and_the_rest_kept() {
        let mut assembler = Utf8Assembler::default();
        assert_eq!(assembler.push(b"a\xff\xc3"), "a\u{fffd}");
        assert_eq!(assembler.push(b"\xa9z"), "éz");
        assert_eq!(assembler.push(b"\xf0\x9f"), "");
        assert_eq!(assembler.push(b"x"), "\u{fffd}x");
    }
}
