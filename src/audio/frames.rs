//! Where a stream of frames begins that has no container: MPEG audio and AAC in ADTS, of which recordings begin anywhere.

use super::format::Format;

/// How far into a file frames are looked for.
const FURTHEST: usize = 256 * 1024;

/// So many frames in a row, each where the one before it says, are no accident.
const CHAIN: usize = 4;

/// The kind of the first frame, and where it starts, by frames that follow one another. Fewer than four count where they
/// reach to the end of the file, from three on, or from the first byte.
pub(super) fn first_frame(bytes: &[u8]) -> Option<(Format, usize)> {
    let places = bytes.iter().take(FURTHEST).enumerate().filter(|(_, byte)| **byte == 0xff);
    places.map(|(at, _)| at).find_map(|at| {
        let (first, length) = frame(&bytes[at..])?;
        let mut end = at + length;
        let mut count = 1;
        while count < CHAIN {
            match bytes.get(end..).and_then(frame) {
                Some((next, length)) if next == first => end += length,
                _ => break,
            }
            count += 1;
        }
        let whole = count == CHAIN || bytes.len() < end + 7 && (count >= 3 || at == 0);
        whole.then_some((first.format, at))
    })
}

/// What all frames of one stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    format: Format,
    version: u8,
    layer: u8,
    rate: u8,
}

/// The kind of the frame at the start of `bytes`, and its length with its header.
fn frame(bytes: &[u8]) -> Option<(Kind, usize)> {
    let [0xff, second, third, ..] = *bytes else { return None };
    if second & 0b1111_0110 == 0b1111_0000 { adts(bytes) } else { mpeg(second, third) }
}

/// ISO/IEC 13818-7, 6.2.
fn adts(bytes: &[u8]) -> Option<(Kind, usize)> {
    let header = bytes.first_chunk::<7>()?;
    let rate = header[2] >> 2 & 0b1111;
    let length = usize::from(header[3] & 0b11) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
    (rate < 13 && length > 7)
        .then_some((Kind { format: Format::Adts, version: header[1] >> 3 & 1, layer: 0, rate }, length))
}

/// ISO/IEC 11172-3, 2.4.2.3, and 13818-3 for the lower rates.
fn mpeg(second: u8, third: u8) -> Option<(Kind, usize)> {
    /// Kbit a second.
    const LAYER_2: [usize; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const LAYER_3: [usize; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const LOWER: [usize; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    if !is_mpeg_audio(second, third) {
        return None;
    }
    let version = second >> 3 & 0b11;
    let layer = second >> 1 & 0b11;
    let rate = third >> 2 & 0b11;
    let first_version = version == 0b11;
    let table = match (first_version, layer) {
        (true, 0b10) => LAYER_2,
        (true, _) => LAYER_3,
        (false, _) => LOWER,
    };
    // 0 is a rate that only the encoder knows.
    let kilobits = *table.get(usize::from(third >> 4).checked_sub(1)?)?;
    let hertz = [44_100, 48_000, 32_000][usize::from(rate)]
        / match version {
            0b11 => 1,
            0b10 => 2,
            _ => 4,
        };
    let samples = if layer == 0b01 && !first_version { 576 } else { 1_152 };
    let length = samples / 8 * kilobits * 1_000 / hertz + usize::from(third >> 1 & 1);
    Some((Kind { format: Format::Mp3, version, layer, rate }, length))
}

/// An MPEG audio frame header of layer II or III whose fields hold no forbidden value (ISO/IEC 11172-3, 2.4.2.3).
/// Layer I is left out: nobody records it, and UTF-16's byte order mark looks like it.
pub(super) fn is_mpeg_audio(second: u8, third: u8) -> bool {
    let version = second >> 3 & 0b11;
    let layer = second >> 1 & 0b11;
    let bit_rate = third >> 4;
    let sample_rate = third >> 2 & 0b11;
    second & 0xe0 == 0xe0
        && version != 0b01
        && matches!(layer, 0b01 | 0b10)
        && bit_rate != 0b1111
        && sample_rate != 0b11
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MPEG-1 layer III, 128 kbit a second, 44.1 kHz: 417 bytes.
    fn mp3_frames(count: usize) -> Vec<u8> {
        [&[0xff, 0xfb, 0x90, 0x64][..], &[0x55; 413]].concat().repeat(count)
    }

    #[test]
    fn frames_are_found_behind_anything() {
        for before in [0, 1, 300, 100_000] {
            let file = [vec![0xff; before], mp3_frames(5)].concat();
            assert_eq!(first_frame(&file), Some((Format::Mp3, before)), "behind {before} bytes");
            assert_eq!(first_frame(&file[1..]).map(|(format, _)| format), Some(Format::Mp3));
        }
        assert_eq!(first_frame(&mp3_frames(5)[200..]), Some((Format::Mp3, 217)), "in the middle of a frame");
    }

    #[test]
    fn a_header_alone_is_none() {
        assert_eq!(first_frame(&[&[0; 9][..], &mp3_frames(1), &[0; 900]].concat()), None);
        assert_eq!(first_frame(&[0xff; 5_000]), None);
    }

    #[test]
    fn frames_of_adts_are_found() {
        // 100 bytes, AAC LC, 16 kHz.
        let one = [&[0xff, 0xf1, 0x60, 0x40, 0x0c, 0x9f, 0xfc][..], &[0x55; 93]].concat();
        assert_eq!(first_frame(&[&[1, 2, 3][..], &one.repeat(4)].concat()), Some((Format::Adts, 3)));
    }
}
