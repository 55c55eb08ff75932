//! Sound to bytes while it is still being made: each piece leaves encoded, and whoever plays it need not wait for the end.

use std::mem;

use mp3lame_encoder::{Bitrate as Mp3Bitrate, FlushNoGap, Mode, MonoPcm, Quality};
use ogg::{PacketWriteEndInfo, PacketWriter};

use super::encode::to_pcm16;
use super::flac::FlacStream;
use super::mark;
use crate::domain::audio::SampleRate;

/// Mono sound in a container, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// A WAV file of 16-bit samples, its length left open.
    Wav,
    /// 16-bit little-endian samples and nothing else.
    Pcm16,
    /// MPEG layer III, 64 kbit a second.
    Mp3,
    /// Opus in Ogg, RFC 7845.
    Opus,
    /// AAC-LC in ADTS, 64 kbit a second.
    Aac,
    /// 16-bit samples, its length left open.
    Flac,
}

impl StreamFormat {
    pub fn media_type(self) -> &'static str {
        match self {
            StreamFormat::Wav => "audio/wav",
            StreamFormat::Pcm16 => "audio/pcm",
            StreamFormat::Mp3 => "audio/mpeg",
            StreamFormat::Opus => "audio/ogg",
            StreamFormat::Aac => "audio/aac",
            StreamFormat::Flac => "audio/flac",
        }
    }
}

/// An encoder that can't go on. Its text names no sound.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the {encoder} encoder failed: {reason}")]
pub struct EncodeError {
    encoder: &'static str,
    reason: String,
}

impl EncodeError {
    /// For `map_err`.
    fn of<E: std::fmt::Debug>(encoder: &'static str) -> impl Fn(E) -> Self {
        move |error| Self { encoder, reason: format!("{error:?}") }
    }
}

const AAC_BITS_PER_SECOND: u32 = 64_000;

/// Takes samples at [`SampleRate::REALTIME`], as the OpenAI protocol speaks.
pub struct StreamEncoder {
    encoder: Encoder,
    begun: bool,
}

enum Encoder {
    Wav,
    Pcm16,
    Mp3(Box<mp3lame_encoder::Encoder>),
    Opus(Box<OggOpus>),
    Aac(Box<syom::Encoder>),
    Flac(Box<FlacStream>),
}

impl StreamEncoder {
    pub const RATE: SampleRate = SampleRate::REALTIME;

    /// # Errors
    /// Where the encoder can't be made.
    pub fn new(format: StreamFormat) -> Result<Self, EncodeError> {
        let encoder = match format {
            StreamFormat::Wav => Encoder::Wav,
            StreamFormat::Pcm16 => Encoder::Pcm16,
            StreamFormat::Mp3 => Encoder::Mp3(Box::new(mp3()?)),
            StreamFormat::Opus => Encoder::Opus(Box::new(OggOpus::new()?)),
            StreamFormat::Aac => {
                let options = syom::EncodeOptions::adts().with_bitrate_bps(AAC_BITS_PER_SECOND);
                let encoder = syom::Encoder::new(Self::RATE.0, 1, &options).map_err(EncodeError::of("AAC"))?;
                Encoder::Aac(Box::new(encoder))
            }
            StreamFormat::Flac => {
                Encoder::Flac(Box::new(FlacStream::new(Self::RATE).map_err(EncodeError::of("FLAC"))?))
            }
        };
        Ok(Self { encoder, begun: false })
    }

    /// What is ready to be sent after these samples; perhaps nothing yet.
    ///
    /// # Errors
    /// Where the encoder fails.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<u8>, EncodeError> {
        let first = !mem::replace(&mut self.begun, true);
        match &mut self.encoder {
            Encoder::Wav => {
                let mut bytes = if first { open_wav_header() } else { Vec::new() };
                bytes.extend(pcm16(samples));
                Ok(bytes)
            }
            Encoder::Pcm16 => Ok(pcm16(samples).collect()),
            Encoder::Mp3(encoder) => {
                let samples: Vec<i16> = samples.iter().map(|sample| to_pcm16(*sample)).collect();
                let mut bytes = if first { mark::id3_tag() } else { Vec::new() };
                bytes.reserve(mp3lame_encoder::max_required_buffer_size(samples.len()));
                encoder.encode_to_vec(MonoPcm(&samples), &mut bytes).map_err(EncodeError::of("MP3"))?;
                Ok(bytes)
            }
            Encoder::Opus(encoder) => encoder.push(samples),
            Encoder::Aac(encoder) => {
                let mut bytes = if first { mark::id3_tag() } else { Vec::new() };
                let samples: Vec<f32> = samples.iter().map(|sample| in_range(*sample)).collect();
                let written = |frame: syom::EncodedFrame<'_>| {
                    bytes.extend_from_slice(frame.au);
                    Ok(())
                };
                encoder.feed(&[&samples], written).map_err(EncodeError::of("AAC"))?;
                Ok(bytes)
            }
            Encoder::Flac(encoder) => encoder.push(samples).map_err(EncodeError::of("FLAC")),
        }
    }

    /// What is left.
    ///
    /// # Errors
    /// Where the encoder fails.
    pub fn finish(mut self) -> Result<Vec<u8>, EncodeError> {
        // No encoder of AAC ends what was never begun.
        let mut bytes = if self.begun { Vec::new() } else { self.push(&[0.0])? };
        match self.encoder {
            Encoder::Wav | Encoder::Pcm16 => {}
            Encoder::Mp3(mut encoder) => {
                // As much as LAME asks for.
                bytes.reserve(7200);
                encoder.flush_to_vec::<FlushNoGap>(&mut bytes).map_err(EncodeError::of("MP3"))?;
            }
            Encoder::Opus(encoder) => bytes.extend(encoder.finish()?),
            Encoder::Aac(mut encoder) => {
                let written = |frame: syom::EncodedFrame<'_>| {
                    bytes.extend_from_slice(frame.au);
                    Ok(())
                };
                encoder.finish(written).map_err(EncodeError::of("AAC"))?;
            }
            Encoder::Flac(encoder) => bytes.extend(encoder.finish().map_err(EncodeError::of("FLAC"))?),
        }
        Ok(bytes)
    }
}

/// What is no number is silence.
fn in_range(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

fn pcm16(samples: &[f32]) -> impl Iterator<Item = u8> {
    samples.iter().flat_map(|sample| to_pcm16(*sample).to_le_bytes())
}

/// With lengths that say "until the end": the real ones are not known yet.
fn open_wav_header() -> Vec<u8> {
    let rate = StreamEncoder::RATE.0;
    let mut header = Vec::with_capacity(128);
    header.extend(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    header.extend(1_u16.to_le_bytes());
    header.extend(1_u16.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((rate * 2).to_le_bytes());
    header.extend(2_u16.to_le_bytes());
    header.extend(16_u16.to_le_bytes());
    header.extend(mark::info_chunk());
    header.extend(b"data\xff\xff\xff\xff");
    header
}

fn mp3() -> Result<mp3lame_encoder::Encoder, EncodeError> {
    let failed = EncodeError { encoder: "MP3", reason: "it can't be made".into() };
    let mut builder = mp3lame_encoder::Builder::new().ok_or(failed)?;
    let wrong = EncodeError::of("MP3");
    builder.set_num_channels(1).map_err(&wrong)?;
    builder.set_sample_rate(StreamEncoder::RATE.0).map_err(&wrong)?;
    builder.set_mode(Mode::Mono).map_err(&wrong)?;
    builder.set_brate(Mp3Bitrate::Kbps64).map_err(&wrong)?;
    builder.set_quality(Quality::Good).map_err(&wrong)?;
    // It stands before the sound and holds its length.
    builder.set_to_write_vbr_tag(false).map_err(&wrong)?;
    builder.build().map_err(&wrong)
}

/// RFC 7845 counts at 48 kHz, whatever the encoder is given.
const GRANULE_RATE: u32 = 48_000;
/// 20 ms.
const OPUS_FRAME: usize = StreamEncoder::RATE.0 as usize / 50;
/// The largest packet that RFC 6716 recommends room for.
const OPUS_PACKET: usize = 4_000;

struct OggOpus {
    encoder: opusic_c::Encoder,
    writer: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    /// Samples that don't fill a frame.
    pending: Vec<f32>,
    /// What decoders throw away at the beginning, in granules.
    pre_skip: u64,
    /// Samples that came in, at the encoder's rate.
    taken: u64,
    /// Of the frames that were written.
    granules: u64,
    /// The latest frame: held back, since the last one says that it is the last.
    held: Option<Vec<u8>>,
}

impl OggOpus {
    fn new() -> Result<Self, EncodeError> {
        use opusic_c::{Application, Channels, SampleRate as OpusRate};
        let wrong = EncodeError::of("Opus");
        let mut encoder =
            opusic_c::Encoder::new(Channels::Mono, OpusRate::Hz24000, Application::Audio).map_err(&wrong)?;
        let look_ahead = encoder.get_look_ahead().map_err(&wrong)?;
        let pre_skip = u64::from(look_ahead) * u64::from(GRANULE_RATE / StreamEncoder::RATE.0);
        let mut opus = Self {
            encoder,
            writer: PacketWriter::new(Vec::new()),
            serial: rand::random(),
            pending: Vec::new(),
            pre_skip,
            taken: 0,
            granules: 0,
            held: None,
        };
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend((pre_skip as u16).to_le_bytes());
        head.extend(StreamEncoder::RATE.0.to_le_bytes());
        // No gain, one channel.
        head.extend([0, 0, 0]);
        opus.write(head, PacketWriteEndInfo::EndPage, 0)?;
        let vendor = concat!("rose ", env!("CARGO_PKG_VERSION"));
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor.bytes());
        tags.extend(mark::vorbis_comments());
        opus.write(tags, PacketWriteEndInfo::EndPage, 0)?;
        Ok(opus)
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granules: u64) -> Result<(), EncodeError> {
        self.writer.write_packet(packet, self.serial, end, granules).map_err(EncodeError::of("Ogg"))
    }

    fn push(&mut self, samples: &[f32]) -> Result<Vec<u8>, EncodeError> {
        self.taken += samples.len() as u64;
        self.pending.extend_from_slice(samples);
        let whole = self.pending.len() / OPUS_FRAME * OPUS_FRAME;
        let frames: Vec<f32> = self.pending.drain(..whole).collect();
        for frame in frames.chunks_exact(OPUS_FRAME) {
            self.frame(frame)?;
        }
        Ok(mem::take(self.writer.inner_mut()))
    }

    fn frame(&mut self, samples: &[f32]) -> Result<(), EncodeError> {
        let mut packet = vec![0; OPUS_PACKET];
        let length = self.encoder.encode_float_to_slice(samples, &mut packet).map_err(EncodeError::of("Opus"))?;
        packet.truncate(length);
        if let Some(before) = self.held.replace(packet) {
            self.granules += granules(OPUS_FRAME as u64);
            // A page for each frame: the sound leaves as soon as it is made.
            self.write(before, PacketWriteEndInfo::EndPage, self.granules)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, EncodeError> {
        // What the encoder looks ahead comes out only when as much again has gone in.
        let due = self.taken * granules(1) + self.pre_skip;
        let mut made = self.granules + if self.held.is_some() { granules(OPUS_FRAME as u64) } else { 0 };
        while made < due || self.held.is_none() {
            let mut frame = mem::take(&mut self.pending);
            frame.resize(OPUS_FRAME, 0.0);
            self.frame(&frame)?;
            made += granules(OPUS_FRAME as u64);
        }
        let last = self.held.take().expect("the loop above leaves a frame");
        // The last page's count cuts off what was added to fill the frame.
        self.write(last, PacketWriteEndInfo::EndStream, due)?;
        Ok(self.writer.into_inner())
    }
}

fn granules(samples: u64) -> u64 {
    samples * u64::from(GRANULE_RATE / StreamEncoder::RATE.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{DurationLimits, decode};

    fn tone(seconds: f32) -> Vec<f32> {
        let rate = StreamEncoder::RATE.0 as f32;
        (0..(seconds * rate) as usize).map(|t| 0.4 * (t as f32 * 440.0 * std::f32::consts::TAU / rate).sin()).collect()
    }

    fn encoded(format: StreamFormat, samples: &[f32], piece: usize) -> Vec<u8> {
        let mut encoder = StreamEncoder::new(format).unwrap();
        let mut bytes = Vec::new();
        for samples in samples.chunks(piece) {
            bytes.extend(encoder.push(samples).unwrap());
        }
        bytes.extend(encoder.finish().unwrap());
        bytes
    }

    #[test]
    fn what_is_streamed_decodes_to_as_much_sound_and_as_loud() {
        let samples = tone(1.3);
        for (format, slack) in [
            (StreamFormat::Wav, 0.001),
            (StreamFormat::Flac, 0.0001),
            (StreamFormat::Mp3, 0.12),
            (StreamFormat::Opus, 0.01),
            (StreamFormat::Aac, 0.14),
        ] {
            for piece in [100, 4_801] {
                let clip = decode(&encoded(format, &samples, piece), &DurationLimits::ANY)
                    .unwrap_or_else(|error| panic!("{format:?}: {error}"));
                let seconds = clip.duration().as_secs_f32();
                assert!((seconds - 1.3).abs() < slack, "{format:?}: {seconds} s");
                assert!((clip.rms() - 0.283).abs() < 0.03, "{format:?}: {}", clip.rms());
            }
        }
        assert_eq!(encoded(StreamFormat::Pcm16, &samples, 7).len(), samples.len() * 2);
    }

    #[test]
    fn flac_holds_the_very_samples() {
        for length in [1, 7, 1_152, 1_153, 5_000] {
            let samples: Vec<f32> = (0..length).map(|t| ((t * 7_919) % 65_536) as f32 / 32_768.0 - 1.0).collect();
            let clip = decode(&encoded(StreamFormat::Flac, &samples, 333), &DurationLimits::ANY).unwrap();
            assert_eq!(clip.rate, StreamEncoder::RATE);
            assert!(clip.samples == samples, "{length} samples");
        }
    }

    #[test]
    fn each_container_says_that_the_sound_is_synthetic() {
        let said = mark::SYNTHETIC.as_bytes();
        for format in [StreamFormat::Wav, StreamFormat::Mp3, StreamFormat::Opus, StreamFormat::Aac, StreamFormat::Flac]
        {
            let bytes = encoded(format, &tone(0.4), 4_801);
            assert!(bytes.windows(said.len()).any(|part| part == said), "{format:?}");
        }
    }

    #[test]
    fn sound_leaves_before_the_end() {
        for format in [
            StreamFormat::Wav,
            StreamFormat::Pcm16,
            StreamFormat::Mp3,
            StreamFormat::Opus,
            StreamFormat::Aac,
            StreamFormat::Flac,
        ] {
            let mut encoder = StreamEncoder::new(format).unwrap();
            assert!(encoder.push(&tone(0.5)).unwrap().len() > 500, "{format:?}");
        }
    }

    #[test]
    fn nothing_at_all_is_still_a_file() {
        for format in [StreamFormat::Wav, StreamFormat::Opus, StreamFormat::Flac] {
            assert!(encoded(format, &[], 1).len() >= 44, "{format:?}");
        }
    }
}
