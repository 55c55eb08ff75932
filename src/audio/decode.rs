//! From a recording's bytes to a [`Clip`].

use std::borrow::Cow;
use std::io::Cursor;
use std::time::Duration;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::{Error, Result};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadBytes, ReadOnlySource};
use symphonia::default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader};
use symphonia_adapter_libopus::OpusDecoder;

use super::format::{self, Format};
use super::mp4::{self, Edit};
use super::{AudioError, Resampler};
use crate::domain::audio::{Clip, SampleRate};

/// How long a recording may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationLimits {
    pub least: Duration,
    pub most: Duration,
}

impl DurationLimits {
    pub const ANY: Self = Self { least: Duration::ZERO, most: Duration::MAX };
}

/// Sound above this rate is brought down to it while it is decoded: nobody hears the rest, and a small file of silence
/// at 384 kHz must not fill the memory.
const HIGHEST_RATE: u32 = 48_000;

/// Rates that a recording can honestly have.
const KNOWN_RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// So many packets in a row without a sample are a damaged file, not a pause.
const MOST_SILENT_PACKETS: usize = 1_000;

/// The recording's sound, its channels averaged into one, at its own rate up to 48 kHz. What an encoder adds at start
/// and end is taken off. Of a recording that was cut short, what is there.
///
/// Takes milliseconds to seconds: on an async runtime, run it on a blocking thread.
///
/// # Errors
/// `Empty`, `UnknownFormat` or `Damaged` where no sound can be read, `TooShort` and `TooLong` by the limits; decoding
/// ends as soon as the upper one is passed.
pub fn decode(recording: &[u8], limits: &DurationLimits) -> std::result::Result<Clip, AudioError> {
    if recording.is_empty() {
        return Err(AudioError::Empty);
    }
    let (format, start) =
        Format::judge(recording).ok_or_else(|| AudioError::UnknownFormat { found: format::describe(recording) })?;
    let recording = &recording[start..];
    let mut sound = Sound::new(limits.most);
    let outcome = read(format, recording, &mut sound);
    if sound.too_long {
        return Err(AudioError::TooLong { most: limits.most });
    }
    let clip = sound.finish();
    if clip.samples.is_empty()
        && let Err(error) = outcome
    {
        return Err(explain(format, &error));
    }
    if clip.samples.is_empty() || clip.duration() < limits.least {
        return Err(AudioError::TooShort { got: clip.duration(), least: limits.least });
    }
    Ok(clip)
}

fn explain(format: Format, error: &Error) -> AudioError {
    let format = format.name();
    match error {
        Error::IoError(_) => AudioError::Damaged { format, reason: "it ends before its sound begins".into() },
        Error::Unsupported(what) => AudioError::UnsupportedCodec { format, reason: (*what).into() },
        error => AudioError::Damaged { format, reason: error.to_string() },
    }
}

/// Decodes packet by packet into `sound`. An error leaves what was decoded before it.
fn read(format: Format, recording: &[u8], sound: &mut Sound) -> Result<()> {
    let recording = if format == Format::Mp4 { mp4::mended(recording) } else { Cow::Borrowed(recording) };
    let mut reader = open(format, &recording)?;
    let track = reader.default_track(TrackType::Audio).ok_or(Error::Unsupported("it has no sound track"))?;
    let track_id = track.id;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or(Error::Unsupported("its codec is not known"))?.clone();
    if format == Format::Mp4 {
        sound.edit = mp4::edit_of_track(&recording, track_id);
    }
    let mut decoder = open_decoder(format, parameters, sound)?;
    let mut silent_packets = 0;
    let mut failure = None;
    while !sound.complete() {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // The end of what can be read; a chained stream's next link counts as one.
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        silent_packets += 1;
        if silent_packets > MOST_SILENT_PACKETS {
            failure.get_or_insert(Error::DecodeError("it holds no sound"));
            break;
        }
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(buffer) if buffer.frames() > 0 => {
                silent_packets = 0;
                sound.take(&buffer)?;
            }
            Ok(_) => {}
            // This packet is lost, the next may be whole.
            Err(error @ (Error::DecodeError(_) | Error::IoError(_))) => failure = Some(error),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    failure.map_or(Ok(()), Err)
}

fn open(format: Format, recording: &[u8]) -> Result<Box<dyn FormatReader + '_>> {
    let cursor = Cursor::new(recording);
    let source: Box<dyn MediaSource + '_> = match format {
        // Read forwards only: an index that lies past the end of a cut file is then never looked for.
        Format::WebM => Box::new(ReadOnlySource::new(cursor)),
        _ => Box::new(cursor),
    };
    let mut stream = MediaSourceStream::new(source, Default::default());
    if format == Format::Mp4 {
        // The reader goes back four bytes: it expects to stand at `ftyp`, behind the box's size.
        stream.read_quad_bytes()?;
    }
    let options = FormatOptions::default();
    Ok(match format {
        Format::Wav => Box::new(WavReader::try_new(stream, options)?),
        Format::Mp3 => Box::new(MpaReader::try_new(stream, options)?),
        Format::Flac => Box::new(FlacReader::try_new(stream, options)?),
        Format::Ogg => Box::new(OggReader::try_new(stream, options)?),
        Format::WebM => Box::new(MkvReader::try_new(stream, options)?),
        Format::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
        Format::Adts => Box::new(AdtsReader::try_new(stream, options)?),
    })
}

fn open_decoder(
    format: Format,
    mut parameters: AudioCodecParameters,
    sound: &mut Sound,
) -> Result<Box<dyn AudioDecoder>> {
    if parameters.codec == CODEC_ID_OPUS {
        // A container may name the rate that went into the encoder; pre-skip counts at 48 kHz always (RFC 7845, 4.2).
        parameters.sample_rate = Some(48_000);
        // The decoder takes the pre-skip off the first packet alone, which may be shorter, and reads MP4's big-endian
        // one as little-endian: so it is taken off here, and the decoder is told that there is none.
        if let Some(pre_skip) = parameters.extra_data.as_mut().and_then(|head| head.get_mut(10..12)) {
            let bytes = [pre_skip[0], pre_skip[1]];
            sound.to_skip = match (format, sound.edit) {
                // The edit list says it once more.
                (Format::Mp4, Some(_)) => 0,
                (Format::Mp4, None) => u64::from(u16::from_be_bytes(bytes)),
                _ => u64::from(u16::from_le_bytes(bytes)),
            };
            pre_skip.fill(0);
        }
    }
    codecs().make_audio_decoder(&parameters, &AudioDecoderOptions::default())
}

/// Symphonia's own decoders and libopus.
fn codecs() -> &'static CodecRegistry {
    static CODECS: std::sync::OnceLock<CodecRegistry> = std::sync::OnceLock::new();
    CODECS.get_or_init(|| {
        let mut codecs = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut codecs);
        codecs.register_audio_decoder::<OpusDecoder>();
        codecs
    })
}

/// What was decoded so far, in one channel.
struct Sound {
    most: Duration,
    too_long: bool,
    samples: Vec<f32>,
    /// The decoder's rate, known from the first packet on; it may not change.
    rate: Option<SampleRate>,
    /// Brings a high rate down.
    resampler: Option<Resampler>,
    /// Samples still to drop: the encoder's delay.
    to_skip: u64,
    /// Samples still to take, where the file says how many there are.
    to_take: Option<u64>,
    edit: Option<Edit>,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
}

impl Sound {
    fn new(most: Duration) -> Self {
        Self {
            most,
            too_long: false,
            samples: Vec::new(),
            rate: None,
            resampler: None,
            to_skip: 0,
            to_take: None,
            edit: None,
            interleaved: Vec::new(),
            mono: Vec::new(),
        }
    }

    /// Whether nothing more is wanted.
    fn complete(&self) -> bool {
        self.too_long || self.to_take == Some(0)
    }

    fn take(&mut self, buffer: &GenericAudioBufferRef<'_>) -> Result<()> {
        let rate = SampleRate(buffer.spec().rate());
        if self.rate.is_none() {
            self.begin(rate)?;
        } else if self.rate != Some(rate) {
            return Err(Error::Unsupported("its sample rate changes"));
        }
        let channels = buffer.spec().channels().count().max(1);
        buffer.copy_to_vec_interleaved(&mut self.interleaved);
        let skipped = self.to_skip.min(buffer.frames() as u64);
        self.to_skip -= skipped;
        let left = buffer.frames() - skipped as usize;
        let taken = self.to_take.map_or(left, |most| left.min(usize::try_from(most).unwrap_or(usize::MAX)));
        if let Some(to_take) = &mut self.to_take {
            *to_take -= taken as u64;
        }
        let frames = self.interleaved.chunks_exact(channels).skip(skipped as usize).take(taken);
        self.mono.clear();
        self.mono.extend(frames.map(mean));
        match &mut self.resampler {
            Some(resampler) => resampler.push(&self.mono, &mut self.samples),
            None => self.samples.extend_from_slice(&self.mono),
        }
        self.too_long = self.kept_rate(rate).duration_of(self.samples.len()) > self.most;
        Ok(())
    }

    fn begin(&mut self, rate: SampleRate) -> Result<()> {
        if !KNOWN_RATES.contains(&rate.0) {
            return Err(Error::DecodeError("its sample rate is impossible"));
        }
        self.rate = Some(rate);
        if rate.0 > HIGHEST_RATE {
            self.resampler = Some(Resampler::new(rate, SampleRate(HIGHEST_RATE)));
        }
        if let Some(edit) = self.edit {
            self.to_skip = edit.samples_before(rate.0);
            self.to_take = edit.samples_heard(rate.0);
        }
        Ok(())
    }

    fn kept_rate(&self, rate: SampleRate) -> SampleRate {
        SampleRate(rate.0.min(HIGHEST_RATE))
    }

    fn finish(mut self) -> Clip {
        let rate = self.rate.map_or(SampleRate::SPEECH, |rate| self.kept_rate(rate));
        if let Some(resampler) = self.resampler.take() {
            resampler.finish(&mut self.samples);
        }
        Clip::new(self.samples, rate)
    }
}

/// The channels' mean, in [-1, 1]; what is no number is silence.
fn mean(frame: &[f32]) -> f32 {
    let mean = frame.iter().sum::<f32>() / frame.len() as f32;
    if mean.is_finite() { mean.clamp(-1.0, 1.0) } else { 0.0 }
}
