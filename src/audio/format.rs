//! What a recording is, judged by its first bytes: never by a file name or a claimed media type.

use infer::MatcherType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Wav,
    Mp3,
    Flac,
    Ogg,
    /// WebM and Matroska, which browsers record.
    WebM,
    /// MP4 and its kin: M4A, MOV, 3GP.
    Mp4,
    /// AAC without a container.
    Adts,
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Wav => "WAV",
            Format::Mp3 => "MP3",
            Format::Flac => "FLAC",
            Format::Ogg => "Ogg",
            Format::WebM => "WebM",
            Format::Mp4 => "MP4",
            Format::Adts => "AAC",
        }
    }

    /// The format, and where in `bytes` it starts: a tag may stand before it.
    pub(super) fn judge(bytes: &[u8]) -> Option<(Self, usize)> {
        let start = id3v2_length(bytes);
        let rest = bytes.get(start..)?;
        let format = match rest {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Format::Wav,
            [b'f', b'L', b'a', b'C', ..] => Format::Flac,
            [b'O', b'g', b'g', b'S', ..] => Format::Ogg,
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Format::WebM,
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Format::Mp4,
            [0xff, second, third, ..] if is_mpeg_audio(*second, *third) => Format::Mp3,
            // Syncword, MPEG-4 or MPEG-2, layer 0 (ISO/IEC 13818-7, 6.2).
            [0xff, second, ..] if second & 0b1111_0110 == 0b1111_0000 => Format::Adts,
            // A tag promises MPEG audio, though its first frame may be garbage.
            _ if start > 0 => Format::Mp3,
            _ => return None,
        };
        Some((format, start))
    }
}

/// Length of the ID3v2 tag at the start, 0 where there is none (id3.org, ID3v2.4.0, 3.1).
fn id3v2_length(bytes: &[u8]) -> usize {
    let [b'I', b'D', b'3', _, _, flags, size @ ..] = bytes else { return 0 };
    let Some(size) = size.first_chunk::<4>() else { return 0 };
    let length = size.iter().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    10 + length + footer
}

/// An MPEG audio frame header of layer II or III whose fields hold no forbidden value (ISO/IEC 11172-3, 2.4.2.3).
/// Layer I is left out: nobody records it, and UTF-16's byte order mark looks like it.
fn is_mpeg_audio(second: u8, third: u8) -> bool {
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

/// What bytes that are no recording are, for the person who sent them: "a PNG picture".
pub(super) fn describe(bytes: &[u8]) -> String {
    let Some(kind) = infer::get(bytes) else {
        let text = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
        return if text { "it is text".into() } else { "its first bytes are of no known kind".into() };
    };
    let noun = match kind.matcher_type() {
        MatcherType::App => "program",
        MatcherType::Audio => "recording of another kind",
        MatcherType::Image => "picture",
        MatcherType::Video => "video",
        _ => "file",
    };
    let name = kind.extension().to_uppercase();
    // Said letter by letter: an MP4, a PNG, an HTML.
    let article =
        if name.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']) { "an" } else { "a" };
    format!("it is {article} {name} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_recording_are_named() {
        for (bytes, words) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "it is a PNG picture"),
            (&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], "it is a JPG picture"),
            (&b"%PDF-1.7\n%"[..], "it is a PDF file"),
            (&b"PK\x03\x04\x14\0\0\0\x08\0"[..], "it is a ZIP file"),
            (&b"hello, this is no sound"[..], "it is text"),
            (&b"\0\x01\x02\x03\x04"[..], "its first bytes are of no known kind"),
        ] {
            assert_eq!(Format::judge(bytes), None);
            assert_eq!(describe(bytes), words);
        }
    }

    #[test]
    fn a_tag_is_skipped() {
        let tagged = [&b"ID3\x04\0\0\0\0\x01\x02"[..], &[0; 130], b"fLaC"].concat();
        assert_eq!(Format::judge(&tagged), Some((Format::Flac, 140)));
        assert_eq!(Format::judge(&tagged[..100]), None, "a tag that reaches past the end");
    }

    #[test]
    fn a_byte_order_mark_is_no_mp3() {
        assert_eq!(Format::judge(b"\xff\xfeh\0i\0"), None);
        assert_eq!(Format::judge(b"\xff\xfb\x90\x64"), Some((Format::Mp3, 0)));
    }
}
