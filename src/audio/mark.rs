//! That a recording is synthetic, written into its file: article 50 of the EU's AI Act asks that made speech can be
//! recognised as made.

/// What the file says, as a comment.
pub const SYNTHETIC: &str = "Synthetic speech: made by an AI voice (Rose).";

/// A `LIST` chunk of type `INFO` with a comment, for a WAV file.
pub(super) fn info_chunk() -> Vec<u8> {
    let mut text = SYNTHETIC.as_bytes().to_vec();
    // Ends with NUL, at an even length.
    text.push(0);
    if !text.len().is_multiple_of(2) {
        text.push(0);
    }
    let mut chunk = b"LIST".to_vec();
    chunk.extend(length(4 + 8 + text.len()).to_le_bytes());
    chunk.extend(b"INFOICMT");
    chunk.extend(length(text.len()).to_le_bytes());
    chunk.extend(text);
    chunk
}

/// An ID3v2.3 tag with a comment (COMM), to stand before the first frame of an MP3.
pub(super) fn id3_tag() -> Vec<u8> {
    // ISO-8859-1, English, no description.
    let mut comment = b"\0eng\0".to_vec();
    comment.extend(SYNTHETIC.bytes());
    let mut frame = b"COMM".to_vec();
    frame.extend(length(comment.len()).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(comment);
    let mut tag = b"ID3\x03\x00\x00".to_vec();
    // Seven bits in each byte.
    let size = length(frame.len());
    tag.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
    tag.extend(frame);
    tag
}

/// A comment as Vorbis writes it, which FLAC does too.
pub(super) fn vorbis_comment() -> String {
    format!("COMMENT={SYNTHETIC}")
}

/// The comments of an Ogg stream: their number, and each with its length.
pub(super) fn vorbis_comments() -> Vec<u8> {
    let comment = vorbis_comment();
    let mut comments = 1_u32.to_le_bytes().to_vec();
    comments.extend(length(comment.len()).to_le_bytes());
    comments.extend(comment.bytes());
    comments
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a comment is short")
}
