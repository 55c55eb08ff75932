//! What MP4 says and the demuxer reads past: which part of a track is meant to be heard, and the sound of a file that
//! was cut short.

use std::borrow::Cow;

/// An encoder of AAC starts with a thousand samples or two of its own making; the edit list says how many
/// (ISO/IEC 14496-12, 8.6.6). In the units of the boxes themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Where in the track the sound starts, in ticks of `media_scale`.
    pub(super) start: u64,
    /// How long it lasts, in ticks of `movie_scale`; 0 is to the end.
    pub(super) duration: u64,
    /// Ticks a second.
    pub(super) media_scale: u32,
    /// Ticks a second.
    pub(super) movie_scale: u32,
}

impl Edit {
    /// How many samples at `rate` stand before the sound.
    pub(super) fn samples_before(&self, rate: u32) -> u64 {
        scaled(self.start, rate, self.media_scale)
    }

    /// How many samples at `rate` the sound has, where that is said.
    pub(super) fn samples_heard(&self, rate: u32) -> Option<u64> {
        (self.duration > 0).then(|| scaled(self.duration, rate, self.movie_scale))
    }
}

fn scaled(ticks: u64, rate: u32, scale: u32) -> u64 {
    let samples = (u128::from(ticks) * u128::from(rate)).div_ceil(u128::from(scale.max(1)));
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// The edit of track `track_id`. `None` where the file has none, or more than one: a cut film, not an encoder's delay.
pub(super) fn edit_of_track(file: &[u8], track_id: u32) -> Option<Edit> {
    let movie = child(file, b"moov")?;
    let movie_scale = timescale(child(movie, b"mvhd")?)?;
    children(movie).filter(|part| part.kind == *b"trak").find_map(|Part { content: track, .. }| {
        let header = child(track, b"tkhd")?;
        let id_at = if header.first()? == &1 { 20 } else { 12 };
        if big_endian_u32(header, id_at)? != track_id {
            return None;
        }
        let media_scale = timescale(child(child(track, b"mdia")?, b"mdhd")?)?;
        let (start, duration) = only_entry(child(child(track, b"edts")?, b"elst")?)?;
        Some(Edit { start, duration, media_scale, movie_scale })
    })
}

/// The file, with the size of a last `mdat` that reaches past the end set to what is there: the demuxer would leave out
/// the whole box.
pub(super) fn mended(file: &[u8]) -> Cow<'_, [u8]> {
    let at: usize = children(file).map(|part| part.size).sum();
    let rest = &file[at..];
    if rest.get(4..8) != Some(b"mdat") {
        return Cow::Borrowed(file);
    }
    let mut mended = file.to_vec();
    // The size 0 is "to the end of the file".
    mended[at..at + 4].fill(0);
    Cow::Owned(mended)
}

/// The four letters of the first sound track's codec.
pub(super) fn codec_of_sound(file: &[u8]) -> Option<[u8; 4]> {
    children(child(file, b"moov")?).filter(|part| part.kind == *b"trak").find_map(|Part { content: track, .. }| {
        let media = child(track, b"mdia")?;
        if child(media, b"hdlr")?.get(8..12) != Some(b"soun") {
            return None;
        }
        let descriptions = child(child(child(media, b"minf")?, b"stbl")?, b"stsd")?;
        // Version, flags and a count, then the size of the first.
        descriptions.get(12..)?.first_chunk().copied()
    })
}

/// Start and duration of the one entry that shows media; entries before it that only wait are passed over.
fn only_entry(list: &[u8]) -> Option<(u64, u64)> {
    let wide = list.first()? == &1;
    let entries = list.get(8..)?.chunks_exact(if wide { 20 } else { 12 });
    let count = big_endian_u32(list, 4)? as usize;
    let mut found = None;
    for entry in entries.take(count) {
        let (duration, start) = if wide {
            (big_endian_u64(entry, 0)?, big_endian_u64(entry, 8)?.cast_signed())
        } else {
            (u64::from(big_endian_u32(entry, 0)?), i64::from(big_endian_u32(entry, 4)?.cast_signed()))
        };
        // A start of -1 is an empty edit.
        if let Ok(start) = u64::try_from(start)
            && found.replace((start, duration)).is_some()
        {
            return None;
        }
    }
    found
}

/// Of `mvhd` and `mdhd` alike: version, flags, creation and modification time, then ticks a second.
fn timescale(header: &[u8]) -> Option<u32> {
    big_endian_u32(header, if header.first()? == &1 { 20 } else { 12 }).filter(|scale| *scale > 0)
}

fn child<'a>(parent: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    children(parent).find(|part| part.kind == *wanted).map(|part| part.content)
}

struct Part<'a> {
    kind: [u8; 4],
    /// Of the whole box, in bytes.
    size: usize,
    content: &'a [u8],
}

/// The boxes in `parent`. Ends at the first that is not whole.
fn children(parent: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = parent;
    std::iter::from_fn(move || {
        let short = big_endian_u32(rest, 0)?;
        let kind = *rest.get(4..)?.first_chunk::<4>()?;
        let (header, size) = match short {
            0 => (8, rest.len()),
            1 => (16, usize::try_from(big_endian_u64(rest, 8)?).ok()?),
            size => (8, size as usize),
        };
        let content = rest.get(header..size)?;
        rest = &rest[size..];
        Some(Part { kind, size, content })
    })
}

fn big_endian_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

fn big_endian_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let size = u32::try_from(8 + content.len()).expect("a small box");
        [&size.to_be_bytes()[..], kind, &content].concat()
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn file(edits: &[u32]) -> Vec<u8> {
        let count = u32::try_from(edits.len() / 3).expect("a few edits");
        let list = atom(b"elst", &[&words(&[0, count]), &words(edits)]);
        let track = atom(
            b"trak",
            &[
                &atom(b"tkhd", &[&words(&[0, 0, 0, 7])]),
                &atom(b"edts", &[&list]),
                &atom(
                    b"mdia",
                    &[
                        &atom(b"mdhd", &[&words(&[0, 0, 0, 48_000])]),
                        &atom(b"hdlr", &[&[0; 8], b"soun"]),
                        &atom(b"minf", &[&atom(b"stbl", &[&atom(b"stsd", &[&words(&[0, 1]), &atom(b"samr", &[])])])]),
                    ],
                ),
            ],
        );
        let movie = atom(b"moov", &[&atom(b"mvhd", &[&words(&[0, 0, 0, 1_000])]), &track]);
        [atom(b"ftyp", &[b"M4A "]), movie].concat()
    }

    #[test]
    fn the_one_edit_is_found() {
        let edit = edit_of_track(&file(&[40, u32::MAX, 0x1_0000, 2_000, 1_024, 0x1_0000]), 7).expect("an edit");
        assert_eq!(edit, Edit { start: 1_024, duration: 2_000, media_scale: 48_000, movie_scale: 1_000 });
        assert_eq!((edit.samples_before(24_000), edit.samples_heard(48_000)), (512, Some(96_000)));
    }

    #[test]
    fn the_codec_is_named() {
        assert_eq!(codec_of_sound(&file(&[])), Some(*b"samr"));
    }

    #[test]
    fn a_cut_sound_box_reaches_to_the_end() {
        let sound = atom(b"mdat", &[&[7; 100]]);
        let whole = [file(&[]), sound].concat();
        assert_eq!(mended(&whole), whole);
        let cut = &whole[..whole.len() - 50];
        assert_eq!(mended(cut), [file(&[]), [&[0; 4], &b"mdat"[..], &[7; 50]].concat()].concat());
    }

    #[test]
    fn cut_films_other_tracks_and_broken_files_have_none() {
        assert_eq!(edit_of_track(&file(&[10, 0, 1, 10, 480, 1]), 7), None);
        assert_eq!(edit_of_track(&file(&[10, 0, 1]), 8), None);
        let whole = file(&[10, 0, 1]);
        for length in 0..whole.len() {
            edit_of_track(&whole[..length], 7);
        }
    }
}
