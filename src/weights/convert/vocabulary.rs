//! GPT-2's byte alphabet undone: a vocabulary writes each byte as a printable character.

use super::ConversionError;

/// The bytes of each of the first `count` tokens, in order of id; one token a line.
///
/// # Errors
/// `Vocabulary` where there are fewer lines, or a character is not of the alphabet.
pub(super) fn token_bytes(vocabulary: &str, count: usize) -> Result<Vec<Vec<u8>>, ConversionError> {
    let mut tokens = Vec::new();
    for (index, line) in vocabulary.split_terminator('\n').take(count).enumerate() {
        let bytes: Option<Vec<u8>> = line.chars().map(byte_of).collect();
        tokens.push(bytes.ok_or_else(|| ConversionError::Vocabulary {
            line: index + 1,
            reason: "has a character outside of GPT-2's byte alphabet".into(),
        })?);
    }
    if tokens.len() < count {
        let reason = format!("is the last; {count} tokens are needed");
        return Err(ConversionError::Vocabulary { line: tokens.len(), reason });
    }
    Ok(tokens)
}

/// Printable Latin-1 stands for itself, every other byte for U+0100 and up in order.
fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let bytes: BTreeSet<u8> = (0..0x200).filter_map(char::from_u32).filter_map(byte_of).collect();
        assert_eq!(bytes.len(), 256);
    }

    #[test]
    fn a_space_is_written_with_a_dotted_g() {
        assert_eq!(token_bytes("\u{120}a\nb", 2).unwrap(), [b" a".to_vec(), b"b".to_vec()]);
    }

    #[test]
    fn a_short_vocabulary_is_refused() {
        assert!(matches!(token_bytes("a\nb\n", 3), Err(ConversionError::Vocabulary { line: 2, .. })));
    }

    #[test]
    fn a_character_of_no_byte_is_refused() {
        assert!(matches!(token_bytes("a\n語\n", 2), Err(ConversionError::Vocabulary { line: 2, .. })));
    }
}
