//! A ggml Whisper file's header, checked before whisper.cpp reads the file: what it can't allocate makes it throw a C++
//! exception, and that ends the process.

use std::fs::File;
use std::io::Read;
use std::path::Path;

const MAGIC: i32 = 0x6767_6d6c;

/// Encoder layers of tiny, base, small, medium and large.
const LAYERS: [i32; 5] = [4, 6, 12, 24, 32];

/// Bytes for each weight in the coarsest quantisation that there is, and less.
const LEAST_BYTES_PER_WEIGHT: f64 = 0.3;

/// # Errors
/// Says what is wrong, where this is no Whisper model or only its beginning.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let mut file = File::open(path).map_err(|error| format!("it can't be opened: {error}"))?;
    let size = file.metadata().map_err(|error| format!("it can't be read: {error}"))?.len();
    let mut bytes = [0; 56];
    file.read_exact(&mut bytes).map_err(|_| "it is no ggml Whisper file".to_owned())?;
    let mut fields = [0; 14];
    for (field, bytes) in fields.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *field = i32::from_le_bytes(*bytes);
    }
    check_fields(fields, size)
}

fn check_fields(fields: [i32; 14], size_bytes: u64) -> Result<(), String> {
    let [
        magic,
        vocabulary,
        audio_context,
        audio_state,
        audio_heads,
        audio_layers,
        text_context,
        text_state,
        text_heads,
        text_layers,
        mels,
        kind,
        filter_rows,
        filter_columns,
    ] = fields;
    let plausible = magic == MAGIC
        && (50_000..60_000).contains(&vocabulary)
        && (audio_context, text_context) == (1_500, 448)
        && (64..=2_048).contains(&audio_state)
        && text_state == audio_state
        && (1..=64).contains(&audio_heads)
        && (1..=64).contains(&text_heads)
        && LAYERS.contains(&audio_layers)
        && (1..=32).contains(&text_layers)
        && [80, 128].contains(&mels)
        && kind >= 0
        && (filter_rows, filter_columns) == (mels, 201);
    if !plausible {
        return Err("it is no ggml Whisper file".into());
    }
    // Attention and feed-forward matrices, 12 squares of the width in an encoder layer and 16 in a decoder layer.
    let width = f64::from(audio_state);
    let squares = f64::from(12 * audio_layers + 16 * text_layers);
    let weights = width * (width * squares + f64::from(vocabulary));
    if (size_bytes as f64) < weights * LEAST_BYTES_PER_WEIGHT {
        return Err(format!("the file is cut short: it has {size_bytes} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: [i32; 14] = [MAGIC, 51_864, 1_500, 384, 6, 4, 448, 384, 6, 4, 80, 1, 80, 201];

    #[test]
    fn models_pass_and_their_beginnings_do_not() {
        assert_eq!(check_fields(TINY, 77_704_715), Ok(()));
        assert!(check_fields(TINY, 1_000_000).is_err());
    }

    #[test]
    fn every_field_counts() {
        for field in 0..14 {
            for value in [-1, i32::MAX] {
                let mut fields = TINY;
                fields[field] = value;
                // Any kind is left to whisper.cpp, which refuses what it doesn't know.
                assert!(
                    check_fields(fields, u64::MAX).is_err() || (field == 11 && value > 0),
                    "field {field}: {value}"
                );
            }
        }
    }
}
