//! WAV as it comes: written by programs that never went back to fill in a length, that put other chunks before the
//! sound, or that wrote their format in a form of their own. Read here is only where the sound is and in what format; what
//! is handed on says both in the plainest form.

use std::borrow::Cow;

use super::AudioError;
use super::format::Format;

const NAME: &str = "WAV";

/// A WAV file's sound.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mended<'a> {
    /// A whole RIFF header with its format and the sound's true length, to stand before `sound`. Empty where the sound is
    /// a stream with headers of its own.
    pub(super) header: Vec<u8>,
    pub(super) sound: Cow<'a, [u8]>,
    /// What header and sound together are: WAV, or the stream that a WAV file was put around.
    pub(super) format: Format,
}

/// Format tags of `fmt ` (RFC 2361, appendix A).
mod tag {
    pub(super) const PCM: u16 = 0x0001;
    pub(super) const ADPCM_MS: u16 = 0x0002;
    pub(super) const FLOAT: u16 = 0x0003;
    pub(super) const A_LAW: u16 = 0x0006;
    pub(super) const MU_LAW: u16 = 0x0007;
    pub(super) const ADPCM_IMA: u16 = 0x0011;
    pub(super) const MPEG: u16 = 0x0050;
    pub(super) const MP3: u16 = 0x0055;
    pub(super) const EXTENSIBLE: u16 = 0xfffe;
}

/// Whether these bytes begin a WAV file: RIFF, the same with numbers in the other order, or with lengths of 64 bits.
pub(super) fn is_wav(bytes: &[u8]) -> bool {
    matches!(bytes.first_chunk(), Some(b"RIFF" | b"RIFX" | b"RF64" | b"BW64")) && bytes.get(8..12) == Some(b"WAVE")
}

/// # Errors
/// `Damaged` where there is no format or no sound, `UnsupportedCodec` with the codec's name.
pub(super) fn mended(file: &[u8]) -> Result<Mended<'_>, AudioError> {
    let order = if file.starts_with(b"RIFX") { Order::Big } else { Order::Little };
    let (description, sound) = find(file, order)?;
    let description = Description::read(description, order)?;
    if matches!(description.tag, tag::MP3 | tag::MPEG) {
        return Ok(Mended { header: Vec::new(), sound: Cow::Borrowed(sound), format: Format::Mp3 });
    }
    let sound = match order {
        Order::Little => Cow::Borrowed(sound),
        Order::Big => Cow::Owned(description.swapped(sound)?),
    };
    // What is more than a header can say lies beyond every limit on a recording's length.
    let block = usize::from(description.block_bytes.max(1));
    let most = (u32::MAX as usize - 4_096) / block * block;
    let whole = (sound.len().min(most) / block * block) as u32;
    let fmt = description.written()?;
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    header.extend((fmt.len() as u32).to_le_bytes());
    header.extend(fmt);
    header.extend(b"data");
    header.extend(whole.to_le_bytes());
    Ok(Mended { header, sound, format: Format::Wav })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Order::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Order::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Order::Little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}

fn damaged(reason: &str) -> AudioError {
    AudioError::Damaged { format: NAME, reason: reason.into() }
}

fn unsupported(reason: impl Into<String>) -> AudioError {
    AudioError::UnsupportedCodec { format: NAME, reason: reason.into() }
}

/// The content of `fmt `, and the sound. The length of the whole file is not asked: it says nothing that is needed.
fn find(file: &[u8], order: Order) -> Result<(&[u8], &[u8]), AudioError> {
    let mut description = None;
    let mut long_size = None;
    let mut at = 12;
    while let Some(id) = file.get(at..at + 4) {
        let Some(size) = order.u32(file, at + 4) else { break };
        let start = at + 8;
        let said = file.get(start..start.saturating_add(size as usize));
        match id {
            b"fmt " => description = Some(said.unwrap_or(&file[start..])),
            b"ds64" => long_size = order.u64(file, start + 8),
            b"data" => {
                let said = long_size.filter(|_| size == u32::MAX).unwrap_or(u64::from(size));
                let description = description.ok_or_else(|| damaged("it does not say its format before its sound"))?;
                return Ok((description, sound_of(&file[start..], said)));
            }
            _ => {}
        }
        let Some(said) = said else { break };
        at = next_chunk(file, start + said.len(), said.len());
    }
    match description {
        None if file.len() < 44 => Err(damaged("it ends before its sound begins")),
        None => Err(damaged("it does not say its format")),
        // A chunk's length is wrong, or the sound was cut off.
        Some(description) => {
            let found = file.get(at..).and_then(|rest| rest.windows(4).position(|id| id == b"data"));
            let start = found.map(|position| at + position + 8).filter(|start| *start <= file.len());
            let start = start.ok_or_else(|| damaged("it ends before its sound begins"))?;
            let said = order.u32(file, start - 4).unwrap_or(0);
            Ok((description, sound_of(&file[start..], u64::from(said))))
        }
    }
}

/// Chunks that programs write beside `data`.
const KNOWN: [&[u8; 4]; 16] = [
    b"data", b"fmt ", b"LIST", b"fact", b"bext", b"JUNK", b"junk", b"id3 ", b"ID3 ", b"cue ", b"smpl", b"PEAK",
    b"_PMX", b"iXML", b"PAD ", b"FLLR",
];

/// Chunks stand at even places, which some programs don't know.
fn next_chunk(file: &[u8], end: usize, size: usize) -> usize {
    let padded = end + size % 2;
    if !known_chunk(file, padded) && known_chunk(file, end) { end } else { padded }
}

fn known_chunk(file: &[u8], at: usize) -> bool {
    file.get(at..at + 4).is_some_and(|id| KNOWN.iter().any(|known| id == *known))
}

fn names_chunk(file: &[u8], at: usize) -> bool {
    file.get(at..at + 4).is_some_and(|id| id.iter().all(|byte| matches!(byte, b' '..=b'~')))
}

/// As long as the header says where another chunk or the end follows, otherwise to the end of the file.
fn sound_of(rest: &[u8], said: u64) -> &[u8] {
    let said = usize::try_from(said).ok().filter(|said| *said < rest.len());
    if let Some(said) = said
        && ends_there(rest, said)
    {
        return &rest[..said];
    }
    // An ID3v1 tag is 128 bytes at a file's end.
    match rest.len().checked_sub(128) {
        Some(tag) if rest[tag..].starts_with(b"TAG") => &rest[..tag],
        _ => rest,
    }
}

/// Whether what stands behind the sound's first `size` bytes is no sound.
fn ends_there(rest: &[u8], size: usize) -> bool {
    let tail = &rest[size..];
    if tail.len() < 8 || tail.starts_with(b"TAG") || tail.starts_with(b"ID3") {
        return true;
    }
    let at = next_chunk(rest, size, size);
    let inside =
        |order: Order| order.u32(rest, at + 4).is_some_and(|size| (size as usize) <= rest.len().saturating_sub(at + 8));
    known_chunk(rest, at) || names_chunk(rest, at) && (inside(Order::Little) || inside(Order::Big))
}

/// What `fmt ` says.
struct Description<'a> {
    tag: u16,
    channels: u16,
    rate: u32,
    bytes_per_second: u32,
    block_bytes: u16,
    bits: u16,
    /// What a codec adds to it.
    extra: &'a [u8],
}

impl<'a> Description<'a> {
    fn read(fmt: &'a [u8], order: Order) -> Result<Self, AudioError> {
        let cut = || damaged("its format is cut short");
        let bits = order.u16(fmt, 14).ok_or_else(cut)?;
        let channels = order.u16(fmt, 2).ok_or_else(cut)?;
        let block_bytes = order.u16(fmt, 12).ok_or_else(cut)?;
        let mut tag = order.u16(fmt, 0).ok_or_else(cut)?;
        if channels == 0 {
            return Err(damaged("it has no channel"));
        }
        if tag == tag::EXTENSIBLE {
            // The sub-format begins with the tag, whatever else its 16 bytes say.
            tag = order.u16(fmt, 24).ok_or_else(cut)?;
        }
        let extra_size = order.u16(fmt, 16).map_or(0, usize::from);
        let extra = fmt.get(18..).map_or(&[][..], |extra| &extra[..extra_size.min(extra.len())]);
        let rate = order.u32(fmt, 4).ok_or_else(cut)?;
        let bytes_per_second = order.u32(fmt, 8).ok_or_else(cut)?;
        let mut description = Self { tag, channels, rate, bytes_per_second, block_bytes, bits, extra };
        description.settle()?;
        Ok(description)
    }

    /// Samples take whole bytes, whatever share of them is used.
    fn settle(&mut self) -> Result<(), AudioError> {
        match self.tag {
            tag::PCM | tag::FLOAT => {
                let told = self.block_bytes / self.channels * 8;
                let whole = self.block_bytes.is_multiple_of(self.channels) && told >= self.bits;
                self.bits = if whole && matches!(told, 8 | 16 | 24 | 32 | 64) {
                    told
                } else {
                    self.bits.div_ceil(8).saturating_mul(8)
                };
                let sizes: &[u16] = if self.tag == tag::PCM { &[8, 16, 24, 32] } else { &[32, 64] };
                if !sizes.contains(&self.bits) {
                    let kind = if self.tag == tag::PCM { "whole numbers" } else { "floating-point numbers" };
                    return Err(unsupported(format!("its samples are {kind} of {} bits", self.bits)));
                }
                self.block_bytes =
                    self.channels.checked_mul(self.bits / 8).ok_or_else(|| damaged("it has too many channels"))?;
            }
            tag::A_LAW | tag::MU_LAW => {
                self.bits = 8;
                self.block_bytes = self.channels;
            }
            _ => {}
        }
        Ok(())
    }

    /// The same in the form that everybody reads.
    fn written(&self) -> Result<Vec<u8>, AudioError> {
        let bytes_per_second = match self.tag {
            tag::ADPCM_MS | tag::ADPCM_IMA => self.bytes_per_second,
            _ => self.rate.saturating_mul(u32::from(self.block_bytes)),
        };
        let mut fmt = Vec::with_capacity(18 + self.extra.len());
        fmt.extend(self.tag.to_le_bytes());
        fmt.extend(self.channels.to_le_bytes());
        fmt.extend(self.rate.to_le_bytes());
        fmt.extend(bytes_per_second.to_le_bytes());
        fmt.extend(self.block_bytes.to_le_bytes());
        fmt.extend(self.bits.to_le_bytes());
        match self.tag {
            tag::PCM | tag::FLOAT => {}
            tag::A_LAW | tag::MU_LAW => fmt.extend([0, 0]),
            tag::ADPCM_MS | tag::ADPCM_IMA => {
                fmt.extend((self.extra.len() as u16).to_le_bytes());
                fmt.extend(self.extra);
            }
            other => return Err(unsupported(codec_name(other))),
        }
        Ok(fmt)
    }

    /// Big-endian samples as little-endian ones.
    fn swapped(&self, sound: &[u8]) -> Result<Vec<u8>, AudioError> {
        match self.tag {
            tag::PCM | tag::FLOAT | tag::A_LAW | tag::MU_LAW => {
                let size = usize::from(self.bits / 8);
                Ok(sound.chunks_exact(size).flat_map(|sample| sample.iter().rev().copied()).collect())
            }
            other => Err(unsupported(codec_name(other))),
        }
    }
}

fn codec_name(tag: u16) -> String {
    let name = match tag {
        tag::ADPCM_MS | tag::ADPCM_IMA => "big-endian ADPCM",
        0x0010 => "OKI ADPCM",
        0x0014 | 0x0040 => "G.723 ADPCM",
        0x0020 => "Yamaha ADPCM",
        0x0022 => "TrueSpeech",
        0x0031 => "GSM 6.10",
        0x0045 | 0x0064 => "G.726 ADPCM",
        0x0065 | 0x028f => "G.722 ADPCM",
        0x0069 => "IMA ADPCM as the Xbox writes it",
        0x0083 => "G.729",
        0x00ff | 0x1600 | 0x1602 | 0x706d => "AAC",
        0x0130 => "Sipro",
        0x0160..=0x0163 => "WMA",
        0x0200 => "Creative ADPCM",
        0x0270 => "ATRAC3",
        0x2000 => "AC-3",
        0x2001 => "DTS",
        0x674f..=0x6771 => "Vorbis",
        0x704f => "Opus",
        0xa109 => "Speex",
        0xf1ac => "FLAC",
        other => return format!("its codec, of the number {other:#06x}, is not known"),
    };
    format!("its codec is {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fmt(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
        let block = channels * bits.div_ceil(8);
        let mut fmt = Vec::new();
        fmt.extend(tag.to_le_bytes());
        fmt.extend(channels.to_le_bytes());
        fmt.extend(8_000_u32.to_le_bytes());
        fmt.extend((8_000 * u32::from(block)).to_le_bytes());
        fmt.extend(block.to_le_bytes());
        fmt.extend(bits.to_le_bytes());
        fmt
    }

    fn chunk(id: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
        [&id[..], &size.to_le_bytes(), content].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WAVE".to_vec(), chunks.concat()].concat()
    }

    fn sound(file: &[u8]) -> Vec<u8> {
        mended(file).expect("a WAV file").sound.into_owned()
    }

    #[test]
    fn a_wrong_length_does_not_cut_the_sound() {
        let samples = [0xe8; 300];
        let format = chunk(b"fmt ", 16, &fmt(tag::PCM, 1, 16));
        for said in [0, 2, 100, 302, 0x7fff_ffff, u32::MAX] {
            assert_eq!(sound(&file(&[format.clone(), chunk(b"data", said, &samples)])), samples, "{said}");
        }
        let list = chunk(b"LIST", 4, b"INFO");
        let tagged = file(&[format.clone(), chunk(b"data", 300, &samples), list.clone()]);
        assert_eq!(sound(&tagged), samples, "what stands behind is no sound");
        let odd = chunk(b"note", 3, b"abc");
        for padded in [&b"\0"[..], b""] {
            let file = file(&[odd.clone(), padded.to_vec(), format.clone(), chunk(b"data", 300, &samples)]);
            assert_eq!(sound(&file), samples);
        }
    }

    #[test]
    fn a_length_of_64_bits_counts() {
        let format = chunk(b"fmt ", 16, &fmt(tag::PCM, 1, 16));
        let sizes = chunk(b"ds64", 28, &[&[0; 8][..], &200_u64.to_le_bytes(), &[0; 12]].concat());
        let list = chunk(b"LIST", 4, b"INFO");
        let mut long = file(&[sizes, format, chunk(b"data", u32::MAX, &[7; 200]), list]);
        long[..4].copy_from_slice(b"RF64");
        assert!(is_wav(&long));
        assert_eq!(sound(&long), [7; 200]);
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        let named = |tag, bits| {
            let file = file(&[chunk(b"fmt ", 16, &fmt(tag, 1, bits)), chunk(b"data", 4, &[0; 4])]);
            mended(&file).expect_err("no such decoder").to_string()
        };
        assert!(named(0x0031, 0).contains("GSM 6.10"), "{}", named(0x0031, 0));
        assert!(named(tag::PCM, 64).contains("64 bits"), "{}", named(tag::PCM, 64));
        assert!(named(0x1234, 8).contains("0x1234"), "{}", named(0x1234, 8));
    }

    #[test]
    fn every_beginning_of_a_file_is_sound_or_an_error() {
        let format = chunk(b"fmt ", 16, &fmt(tag::PCM, 2, 24));
        let whole = file(&[chunk(b"junk", 5, b"abcde\0"), format, chunk(b"data", 12, &[1; 12])]);
        for length in 12..whole.len() {
            let _ = mended(&whole[..length]);
        }
    }
}
