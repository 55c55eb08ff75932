//! From a recording's bytes to a [`Clip`].

use std::borrow::Cow;
use std::io::{Cursor, Read};
use std::time::Duration;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::{Error, Result};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadBytes, ReadOnlySource};
use symphonia::default::formats::{
    AdtsReader, AiffReader, CafReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
};
use symphonia_adapter_libopus::OpusDecoder;

use super::format::{self, Format};
use super::mix::Mixer;
use super::mp4::{self, Edit};
use super::{AudioError, Resampler, apple, ogg_links, wav};
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

/// The recording's sound, its channels averaged into one, or the loudest of them where they cancel each other, at its own
/// rate up to 48 kHz. What an encoder adds at start and end is taken off. Of a recording that was cut short, what is
/// there; of Ogg files chained one after the other, all.
///
/// Takes milliseconds to seconds: on an async runtime, run it on a blocking thread.
///
/// # Errors
/// `Empty`, `UnknownFormat`, `UnsupportedCodec` or `Damaged` where no sound can be read, `TooShort` and `TooLong` by the
/// limits; decoding ends as soon as the upper one is passed.
pub fn decode(recording: &[u8], limits: &DurationLimits) -> std::result::Result<Clip, AudioError> {
    if recording.is_empty() {
        return Err(AudioError::Empty);
    }
    let (format, start) =
        Format::judge(recording).ok_or_else(|| AudioError::UnknownFormat { found: format::describe(recording) })?;
    let recording = &recording[start..];
    let mut sound = Sound::new(limits.most);
    let mut failure = None;
    for part in parts(format, recording)? {
        if sound.complete() {
            break;
        }
        if let Err(error) = read(&part, &mut sound) {
            failure.get_or_insert_with(|| explain(&part, &error));
        }
    }
    if sound.too_long {
        return Err(AudioError::TooLong { most: limits.most });
    }
    let clip = sound.finish();
    if clip.samples.is_empty()
        && let Some(failure) = failure
    {
        return Err(failure);
    }
    if clip.samples.is_empty() || clip.duration() < limits.least {
        return Err(AudioError::TooShort { got: clip.duration(), least: limits.least });
    }
    Ok(clip)
}

/// A file as a demuxer takes it.
struct Part<'a> {
    format: Format,
    /// What stands before `bytes` and was made here.
    header: Vec<u8>,
    bytes: Cow<'a, [u8]>,
}

/// Most recordings are one part; Ogg files may be chained.
fn parts(format: Format, recording: &[u8]) -> std::result::Result<Vec<Part<'_>>, AudioError> {
    let whole = |bytes| vec![Part { format, header: Vec::new(), bytes }];
    Ok(match format {
        Format::Wav => {
            let wav::Mended { header, sound, format } = wav::mended(recording)?;
            vec![Part { format, header, bytes: sound }]
        }
        Format::Aiff => whole(Cow::Owned(apple::aiff(recording)?)),
        Format::Caf => whole(Cow::Owned(apple::caf(recording)?)),
        Format::Mp4 => whole(mp4::mended(recording)),
        Format::Ogg => {
            let part = |link| Part { format, header: Vec::new(), bytes: Cow::Borrowed(link) };
            ogg_links::links(recording).into_iter().map(part).collect()
        }
        _ => whole(Cow::Borrowed(recording)),
    })
}

fn explain(part: &Part<'_>, error: &Error) -> AudioError {
    let format = part.format.name();
    let named = match part.format {
        Format::Mp4 => mp4::codec_of_sound(&part.bytes).and_then(codec_of_letters),
        Format::Ogg => ogg_links::foreign_codec(&part.bytes),
        _ => None,
    };
    match (error, named) {
        (Error::Unsupported(_) | Error::IoError(_), Some(name)) => {
            AudioError::UnsupportedCodec { format, reason: format!("its codec is {name}") }
        }
        (Error::Unsupported(what), None) => AudioError::UnsupportedCodec { format, reason: (*what).into() },
        (Error::IoError(_), _) => AudioError::Damaged { format, reason: "it ends before its sound begins".into() },
        (error, _) => AudioError::Damaged { format, reason: error.to_string() },
    }
}

/// Codecs that MP4 and its kin hold and that are not decoded here.
fn codec_of_letters(letters: [u8; 4]) -> Option<&'static str> {
    Some(match &letters {
        b"samr" => "AMR",
        b"sawb" | b"sawp" => "AMR-WB",
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"ac-4" => "AC-4",
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => "DTS",
        b"mha1" | b"mhm1" => "MPEG-H",
        b"Qclp" | b"sqcp" => "QCELP",
        b"sevc" => "EVRC",
        b"ima4" => "IMA ADPCM as QuickTime writes it",
        b"agsm" => "GSM 6.10",
        b"QDM2" | b"QDMC" => "QDesign",
        _ => return None,
    })
}

fn codec_of_id(id: AudioCodecId) -> &'static str {
    match id {
        codec::CODEC_ID_AC3 => "its codec is AC-3",
        codec::CODEC_ID_EAC3 => "its codec is E-AC-3",
        codec::CODEC_ID_AC4 => "its codec is AC-4",
        codec::CODEC_ID_DCA => "its codec is DTS",
        codec::CODEC_ID_TRUEHD => "its codec is TrueHD",
        codec::CODEC_ID_WAVPACK => "its codec is WavPack",
        codec::CODEC_ID_TTA => "its codec is TTA",
        codec::CODEC_ID_SPEEX => "its codec is Speex",
        codec::CODEC_ID_MUSEPACK => "its codec is Musepack",
        codec::CODEC_ID_MP1 => "its codec is MPEG layer I",
        codec::CODEC_ID_WMA => "its codec is WMA",
        codec::CODEC_ID_ADPCM_G722 => "its codec is G.722 ADPCM",
        codec::CODEC_ID_ADPCM_G726 | codec::CODEC_ID_ADPCM_G726LE => "its codec is G.726 ADPCM",
        codec::CODEC_ID_COOK | codec::CODEC_ID_SIPR | codec::CODEC_ID_RA10 | codec::CODEC_ID_RA20 => {
            "its codec is RealAudio"
        }
        _ => "its codec is not known",
    }
}

/// Decodes packet by packet into `sound`. An error leaves what was decoded before it.
fn read(part: &Part<'_>, sound: &mut Sound) -> Result<()> {
    let format = part.format;
    let mut reader = open(part)?;
    let track = reader.default_track(TrackType::Audio).ok_or(Error::Unsupported("it has no sound track"))?;
    let track_id = track.id;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or(Error::Unsupported("its codec is not known"))?.clone();
    sound.begin_part();
    match format {
        Format::Mp4 => sound.edit = mp4::edit_of_track(&part.bytes, track_id),
        Format::Caf => sound.trim(track),
        _ => {}
    }
    let mut decoder = open_decoder(format, parameters, sound)?;
    let mut silent_packets = 0;
    let mut failure = None;
    while !sound.complete() {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // The end of what can be read.
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

fn open<'a>(part: &'a Part<'_>) -> Result<Box<dyn FormatReader + 'a>> {
    let format = part.format;
    let bytes: &[u8] = &part.bytes;
    let source: Box<dyn MediaSource + 'a> = match format {
        // Read forwards only: an index that lies past the end of a cut file is then never looked for.
        Format::WebM => Box::new(ReadOnlySource::new(bytes)),
        Format::Wav => Box::new(ReadOnlySource::new(part.header.as_slice().chain(bytes))),
        _ => Box::new(Cursor::new(bytes)),
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
        Format::Aiff => Box::new(AiffReader::try_new(stream, options)?),
        Format::Caf => Box::new(CafReader::try_new(stream, options)?),
    })
}

fn open_decoder(
    format: Format,
    mut parameters: AudioCodecParameters,
    sound: &mut Sound,
) -> Result<Box<dyn AudioDecoder>> {
    if parameters.codec == codec::CODEC_ID_OPUS {
        // A container may name the rate that went into the encoder; pre-skip counts at 48 kHz always (RFC 7845, 4.2).
        parameters.sample_rate = Some(48_000);
        // The decoder takes the pre-skip off the first packet alone, which may be shorter, and reads MP4's big-endian
        // one as little-endian: so it is taken off here, and the decoder is told that there is none. Apple's files say it
        // in the table of packets, and hold something else here.
        if format == Format::Caf {
            parameters.extra_data = None;
        } else if let Some(pre_skip) = parameters.extra_data.as_mut().and_then(|head| head.get_mut(10..12)) {
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
    if matches!(parameters.codec, codec::CODEC_ID_PCM_ALAW | codec::CODEC_ID_PCM_MULAW) {
        // CAF counts the bits before they are decoded, the decoder those after.
        (parameters.bits_per_sample, parameters.bits_per_coded_sample) = (None, None);
    }
    let decoder = codecs().make_audio_decoder(&parameters, &AudioDecoderOptions::default());
    decoder.map_err(|error| match error {
        Error::Unsupported(_) if codecs().get_audio_decoder(parameters.codec).is_none() => {
            Error::Unsupported(codec_of_id(parameters.codec))
        }
        error => error,
    })
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
    /// The rate of `samples`, known from the first packet on.
    kept_rate: Option<SampleRate>,
    /// The rate that the decoder gives.
    rate: Option<SampleRate>,
    /// From `rate` to `kept_rate`, where they differ.
    resampler: Option<Resampler>,
    mixer: Mixer,
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
            kept_rate: None,
            rate: None,
            resampler: None,
            mixer: Mixer::new(),
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

    /// What one part says of itself holds for no other.
    fn begin_part(&mut self) {
        self.end_rate();
        (self.to_skip, self.to_take, self.edit) = (0, None, None);
    }

    /// As the track says: what its encoder added, and how many samples there are.
    fn trim(&mut self, track: &Track) {
        self.to_skip = track.delay.map_or(0, u64::from);
        self.to_take = track.num_frames.filter(|frames| *frames > 0);
    }

    fn take(&mut self, buffer: &GenericAudioBufferRef<'_>) -> Result<()> {
        let rate = SampleRate(buffer.spec().rate());
        if self.rate != Some(rate) {
            self.begin_rate(rate)?;
        }
        let channels = buffer.spec().channels().count().max(1);
        buffer.copy_to_vec_interleaved(&mut self.interleaved);
        let skipped = self.to_skip.min(buffer.frames() as u64);
        self.to_skip -= skipped;
        let skipped = skipped as usize;
        let left = buffer.frames() - skipped;
        let taken = self.to_take.map_or(left, |most| left.min(usize::try_from(most).unwrap_or(usize::MAX)));
        if let Some(to_take) = &mut self.to_take {
            *to_take -= taken as u64;
        }
        let frames = self.interleaved.get(skipped * channels..(skipped + taken) * channels).unwrap_or_default();
        self.mono.clear();
        self.mixer.mix(frames, channels, rate.0, &mut self.mono);
        match &mut self.resampler {
            Some(resampler) => resampler.push(&self.mono, &mut self.samples),
            None => self.samples.extend_from_slice(&self.mono),
        }
        self.too_long = self.kept(rate).duration_of(self.samples.len()) > self.most;
        Ok(())
    }

    /// The first rate is kept, up to the highest; others are brought to it.
    fn begin_rate(&mut self, rate: SampleRate) -> Result<()> {
        if !KNOWN_RATES.contains(&rate.0) {
            return Err(Error::DecodeError("its sample rate is impossible"));
        }
        self.end_rate();
        let kept = self.kept(rate);
        self.rate = Some(rate);
        self.kept_rate = Some(kept);
        self.resampler = (rate != kept).then(|| Resampler::new(rate, kept));
        if let Some(edit) = self.edit.take() {
            self.to_skip = edit.samples_before(rate.0);
            self.to_take = edit.samples_heard(rate.0);
        }
        Ok(())
    }

    fn end_rate(&mut self) {
        self.rate = None;
        if let Some(resampler) = self.resampler.take() {
            resampler.finish(&mut self.samples);
        }
    }

    fn kept(&self, rate: SampleRate) -> SampleRate {
        self.kept_rate.unwrap_or(SampleRate(rate.0.min(HIGHEST_RATE)))
    }

    fn finish(mut self) -> Clip {
        self.end_rate();
        Clip::new(self.samples, self.kept_rate.unwrap_or(SampleRate::SPEECH))
    }
}
