//! What a recording is, judged by its first bytes: never by a file name or a claimed media type.

use infer::MatcherType;

use super::frames::{self, is_mpeg_audio};
use super::wav;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Wav,
    /// MPEG audio, layers II and III.
    Mp3,
    Flac,
    Ogg,
    /// WebM and Matroska, which browsers record.
    WebM,
    /// MP4 and its kin: M4A, MOV, 3GP.
    Mp4,
    /// AAC without a container.
    Adts,
    /// AIFF and AIFF-C.
    Aiff,
    Caf,
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
            Format::Aiff => "AIFF",
            Format::Caf => "CAF",
        }
    }

    /// The format, and where in `bytes` it starts: a tag, padding or the rest of a frame may stand before it.
    pub(super) fn judge(bytes: &[u8]) -> Option<(Self, usize)> {
        let start = tags_length(bytes);
        let rest = bytes.get(start..).unwrap_or_default();
        let format = match rest {
            rest if wav::is_wav(rest) => Format::Wav,
            [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Format::Aiff,
            [b'c', b'a', b'f', b'f', 0, ..] => Format::Caf,
            [b'f', b'L', b'a', b'C', ..] => Format::Flac,
            [b'O', b'g', b'g', b'S', ..] => Format::Ogg,
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Format::WebM,
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Format::Mp4,
            _ => return Self::judge_frames(bytes, start),
        };
        Some((format, start))
    }

    /// A stream of frames, which may begin anywhere.
    fn judge_frames(bytes: &[u8], start: usize) -> Option<(Self, usize)> {
        // A tag may say that it reaches further than it does.
        let (rest, start) = match bytes.get(start..) {
            Some(rest) if !rest.is_empty() => (rest, start),
            _ => (bytes, 0),
        };
        let other = infer::get(rest).is_some_and(|kind| !matches!(kind.mime_type(), "audio/mpeg" | "audio/aac"));
        let format = match rest {
            _ if other && start == 0 => return None,
            rest if let Some((format, at)) = frames::first_frame(rest) => return Some((format, start + at)),
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

/// Length of the ID3v2 tags at the start, one after the other.
fn tags_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(next) = bytes.get(length..).map(id3v2_length).filter(|next| *next > 0) {
        length += next;
    }
    length
}

/// Length of the ID3v2 tag at the start, 0 where there is none (id3.org, ID3v2.4.0, 3.1).
fn id3v2_length(bytes: &[u8]) -> usize {
    let [b'I', b'D', b'3', _, _, flags, size @ ..] = bytes else { return 0 };
    let Some(size) = size.first_chunk::<4>() else { return 0 };
    let length = size.iter().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    10 + length + footer
}

/// What bytes that are no recording are, for the person who sent them: "a PNG picture".
pub(super) fn describe(bytes: &[u8]) -> String {
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return format!("it is {name}");
    }
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

/// Recordings of kinds that are not decoded here, by their first bytes.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"#!AMR-WB", "an AMR-WB recording"),
    (b"#!AMR", "an AMR recording"),
    (b".snd", "an AU recording"),
    (b"riff\x2e\x91\xcf\x11", "a Wave64 recording"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a WMA recording"),
    (b"MAC ", "a Monkey's Audio recording"),
    (b"wvpk", "a WavPack recording"),
    (b"MPCK", "a Musepack recording"),
    (b"MP+", "a Musepack recording"),
    (b"TTA1", "a TTA recording"),
    (b"DSD ", "a DSD recording"),
    (b"FRM8", "a DSD recording"),
    (b".RMF", "a RealAudio recording"),
    (b".ra\xfd", "a RealAudio recording"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
];

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
            (&b"#!AMR\n\x3c\x91"[..], "it is an AMR recording"),
            (&b"#!AMR-WB\n\x3c\x91"[..], "it is an AMR-WB recording"),
            (&b".snd\0\0\0\x18"[..], "it is an AU recording"),
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
        let twice = [&tagged[..140], &tagged].concat();
        assert_eq!(Format::judge(&twice), Some((Format::Flac, 280)));
    }

    #[test]
    fn a_byte_order_mark_is_no_mp3() {
        assert_eq!(Format::judge(b"\xff\xfeh\0i\0"), None);
        assert_eq!(Format::judge(b"\xff\xfb\x90\x64"), Some((Format::Mp3, 0)));
    }
}
