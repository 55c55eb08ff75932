//! Recordings in the shapes in which programs leave them, beside those of `made`: lengths that were never filled in, what
//! stands before and behind the sound, files put one after the other, containers of Apple's. By ffmpeg, by sox and by hand.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use rose::audio::{Encoding, encode};
use rose::domain::audio::{Clip, SampleRate};

use super::made::{SPEECH, converted, fixture, original};

/// A recording, and how its sound may differ from [`SPEECH`]'s.
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The least correlation.
    pub(crate) likeness: f32,
    /// Where the file doesn't say how long the encoder's delay is: samples at 16 kHz.
    pub(crate) delay: i32,
    /// How often [`SPEECH`] is said in it.
    pub(crate) times: usize,
}

impl Shape {
    fn new(name: impl Into<String>, bytes: Vec<u8>, likeness: f32) -> Self {
        Self { name: name.into(), bytes, likeness, delay: 0, times: 1 }
    }

    fn chained(self, times: usize) -> Self {
        Self { times, ..self }
    }

    fn late(self, delay: i32) -> Self {
        Self { delay, ..self }
    }
}

/// All of them, made once.
pub(crate) fn corpus() -> &'static [Shape] {
    static CORPUS: OnceLock<Vec<Shape>> = OnceLock::new();
    let makers = [wav, wav_by_programs, mpeg, ogg, turned, apple, others];
    CORPUS.get_or_init(|| makers.iter().flat_map(|make| make()).collect())
}

fn ffmpeg(file: &str, arguments: &[&str]) -> Vec<u8> {
    converted(&fixture(SPEECH), file, arguments)
}

/// What sox makes of [`SPEECH`]: `arguments` stand before the file that it writes, whose ending says the format.
pub(crate) fn sox(file: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(file);
    let output = Command::new("sox").arg("-D").arg(fixture(SPEECH)).args(arguments).arg(&path).output();
    let output = output.expect("sox, which set-up installs");
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(&path).expect("what sox wrote")
}

/// What a program writes into a pipe, where it can't go back to fill in a length.
fn piped(program: &str, before: &[&str], after: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(before).arg(fixture(SPEECH)).args(after).output();
    let output = output.unwrap_or_else(|error| panic!("{program}, which set-up installs: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// 16-bit little-endian samples.
fn samples() -> Vec<u8> {
    encode(&original(SPEECH), Encoding::Pcm16)
}

pub(crate) fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    sized(id, content.len() as u32, content)
}

fn sized(id: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
    [&id[..], &size.to_le_bytes(), content].concat()
}

/// `fmt ` of 16-bit mono at 16 kHz.
fn format() -> Vec<u8> {
    chunk(b"fmt ", &plain_format())
}

fn plain_format() -> Vec<u8> {
    let mut format = vec![1, 0, 1, 0];
    format.extend(16_000_u32.to_le_bytes());
    format.extend(32_000_u32.to_le_bytes());
    format.extend([2, 0, 16, 0]);
    format
}

/// With a channel mask, which may be wrong.
fn extensible(mask: u32) -> Vec<u8> {
    let mut format = plain_format();
    format[..2].copy_from_slice(&0xfffe_u16.to_le_bytes());
    format.extend([22, 0, 16, 0]);
    format.extend(mask.to_le_bytes());
    format.extend(b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    format
}

fn riff(magic: &[u8; 4], size: u32, chunks: &[&[u8]]) -> Vec<u8> {
    [&magic[..], &size.to_le_bytes(), b"WAVE", &chunks.concat()].concat()
}

/// WAV by hand: each holds the very samples of [`SPEECH`].
fn wav() -> Vec<Shape> {
    let sound = samples();
    let whole = sound.len() as u32;
    let data = chunk(b"data", &sound);
    let right = 36 + whole;
    let list = chunk(b"LIST", b"INFOISFT\x04\0\0\0sox\0");
    let odd = sized(b"note", 7, b"a note.");
    let ds64 =
        |size: u64| chunk(b"ds64", &[&u64::from(right).to_le_bytes()[..], &size.to_le_bytes(), &[0; 12]].concat());
    let id3 = [&b"ID3\x03\0\0\0\0\x02\0"[..], &[0; 256]].concat();
    let big = {
        let mut format = b"fmt \0\0\0\x10\0\x01\0\x01".to_vec();
        format.extend(16_000_u32.to_be_bytes());
        format.extend(32_000_u32.to_be_bytes());
        format.extend([0, 2, 0, 16]);
        let swapped: Vec<u8> = sound.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        [&b"RIFX"[..], &right.to_be_bytes(), b"WAVE", &format, b"data", &whole.to_be_bytes(), &swapped].concat()
    };
    let saying =
        |riff_size: u32, data_size: u32| riff(b"RIFF", riff_size, &[&format(), &sized(b"data", data_size, &sound)]);
    let mut blockless = plain_format();
    blockless[12..14].fill(0);
    let tag = [&b"TAG"[..], &[b'x'; 125]].concat();
    let made: Vec<(&str, Vec<u8>)> = vec![
        ("no RIFF size", saying(0, whole)),
        ("a small RIFF size", saying(4, whole)),
        ("half a RIFF size", saying(right / 2, whole)),
        ("a RIFF size of 0x7fffffff", saying(0x7fff_ffff, whole)),
        ("a RIFF size of 0xffffffff", saying(u32::MAX, whole)),
        ("no data size", saying(right, 0)),
        ("a small data size", saying(right, 1_000)),
        ("an odd data size", saying(right, 1_001)),
        ("half a data size", saying(right, whole / 2)),
        ("a data size of 0x7fffffff", saying(right, 0x7fff_ffff)),
        ("a data size of 0xffffffff", saying(right, u32::MAX)),
        ("no sizes", saying(0, 0)),
        ("both sizes 0x7fffffff", saying(0x7fff_ffff, 0x7fff_ffdb)),
        ("both sizes 0xffffffff", saying(u32::MAX, u32::MAX)),
        ("a LIST before the sound", riff(b"RIFF", right + 28, &[&format(), &list, &data])),
        ("a LIST before the format", riff(b"RIFF", right + 28, &[&list, &format(), &data])),
        ("a LIST behind the sound", riff(b"RIFF", right + 28, &[&format(), &data, &list])),
        ("a LIST before, no data size", riff(b"RIFF", 0, &[&format(), &list, &sized(b"data", 0, &sound)])),
        ("an odd chunk, padded", riff(b"RIFF", right, &[&format(), &odd, b"\0", &data])),
        ("an odd chunk, not padded", riff(b"RIFF", right, &[&format(), &odd, &data])),
        (
            "bext and JUNK before",
            riff(b"RIFF", right, &[&chunk(b"bext", &[0; 602]), &chunk(b"JUNK", &[0; 28]), &format(), &data]),
        ),
        (
            "a chunk longer than the file",
            riff(b"RIFF", right, &[&format(), &sized(b"LIST", 0xffff_fff0, b"INFO"), &data]),
        ),
        ("ID3v1 behind the sound", [saying(right, 0), tag].concat()),
        ("ID3v2 before all", [id3, saying(right, whole)].concat()),
        ("RF64", riff(b"RF64", u32::MAX, &[&ds64(whole.into()), &format(), &sized(b"data", u32::MAX, &sound), &list])),
        ("BW64 of no length", riff(b"BW64", u32::MAX, &[&ds64(0), &format(), &sized(b"data", u32::MAX, &sound)])),
        ("RIFX", big),
        (
            "a format of 18 bytes",
            riff(b"RIFF", right, &[&chunk(b"fmt ", &[&plain_format()[..], &[0, 0]].concat()), &data]),
        ),
        (
            "a format of 20 bytes",
            riff(b"RIFF", right, &[&chunk(b"fmt ", &[&plain_format()[..], &[0; 4]].concat()), &data]),
        ),
        ("a format without a block", riff(b"RIFF", right, &[&chunk(b"fmt ", &blockless), &data])),
        ("an extensible format", riff(b"RIFF", right, &[&chunk(b"fmt ", &extensible(4)), &data])),
        ("a channel mask of other channels", riff(b"RIFF", right, &[&chunk(b"fmt ", &extensible(0x3f)), &data])),
    ];
    made.into_iter().map(|(name, bytes)| Shape::new(format!("WAV with {name}"), bytes, 0.99999)).collect()
}

fn wav_by_programs() -> Vec<Shape> {
    let quiet = ["-hide_banner", "-loglevel", "error", "-nostdin", "-i"];
    let ffmpeg_pipe = |codec: &str| piped("ffmpeg", &quiet, &["-c:a", codec, "-f", "wav", "pipe:1"]);
    vec![
        Shape::new("WAV through ffmpeg's pipe", ffmpeg_pipe("pcm_s16le"), 0.9999),
        Shape::new("WAV of A-law through ffmpeg's pipe", ffmpeg_pipe("pcm_alaw"), 0.98),
        Shape::new("WAV of ADPCM through ffmpeg's pipe", ffmpeg_pipe("adpcm_ms"), 0.98),
        Shape::new("WAV through sox's pipe", piped("sox", &["-D"], &["-t", "wav", "-"]), 0.9999),
        Shape::new("RF64 by ffmpeg", ffmpeg("a.wav", &["-rf64", "always"]), 0.9999),
        Shape::new("WAV, 32 bits", ffmpeg("a.wav", &["-c:a", "pcm_s32le"]), 0.9999),
        Shape::new("WAV, 64-bit floats", ffmpeg("a.wav", &["-c:a", "pcm_f64le"]), 0.9999),
        Shape::new("WAV, A-law", ffmpeg("a.wav", &["-c:a", "pcm_alaw"]), 0.98),
        Shape::new(
            "WAV, ADPCM as Microsoft writes it, stereo",
            ffmpeg("a.wav", &["-c:a", "adpcm_ms", "-ac", "2"]),
            0.98,
        ),
        Shape::new("WAV around MP3", ffmpeg("a.wav", &["-c:a", "libmp3lame", "-ar", "44100"]), 0.97).late(401),
        Shape::new("WAV around MPEG layer II", ffmpeg("a.wav", &["-c:a", "mp2", "-ar", "48000", "-b:a", "128k"]), 0.97)
            .late(160),
        Shape::new("RIFX by sox", sox("a.wav", &["-B", "-b", "24"]), 0.9999),
        Shape::new("WAV by sox, mu-law", sox("a.wav", &["-e", "mu-law"]), 0.98),
        Shape::new("WAV by sox, floats", sox("a.wav", &["-e", "floating-point", "-b", "32"]), 0.9999),
        Shape::new("WAV by sox, 8 bits", sox("a.wav", &["-b", "8"]), 0.98),
    ]
}

fn mpeg() -> Vec<Shape> {
    let constant = ffmpeg("a.mp3", &["-c:a", "libmp3lame", "-ar", "44100", "-b:a", "64k"]);
    let variable = ffmpeg("a.mp3", &["-c:a", "libmp3lame", "-ar", "48000", "-q:a", "4"]);
    let bare = ffmpeg("a.mp3", &["-c:a", "libmp3lame", "-ar", "16000", "-id3v2_version", "0", "-write_xing", "0"]);
    let adts = ffmpeg("a.aac", &["-c:a", "aac", "-ar", "48000"]);
    let garbage: Vec<u8> = (0..5_000_u32).map(|t| (t.wrapping_mul(2_654_435_761) >> 13) as u8 & 0x7f).collect();
    let wrong_tag = [&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &[0; 40], &bare].concat();
    // Behind the first frame's header: what is lost of it is 24 ms.
    let middle = bare[100..].to_vec();
    let ape = [&b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\xa0"[..], &[0; 8]].concat();
    vec![
        Shape::new("MP3 of a varying rate", variable.clone(), 0.97),
        Shape::new("MP3 behind zeros", [&[0; 9_000][..], &bare].concat(), 0.97).late(BARE_DELAY),
        Shape::new("MP3 behind garbage", [&garbage[..], &bare].concat(), 0.97).late(BARE_DELAY),
        Shape::new("MP3 behind 0xff", [&[0xff; 3_001][..], &bare].concat(), 0.97).late(BARE_DELAY),
        Shape::new("MP3 from the middle of a frame", middle, 0.95).late(BARE_DELAY - 576),
        Shape::new("MP3 behind a tag that reaches past the end", wrong_tag, 0.97).late(BARE_DELAY),
        Shape::new("MP3 behind two tags", [&b"ID3\x03\0\0\0\0\0\x05abcde"[..], &constant].concat(), 0.97),
        Shape::new("MP3 with tags behind", [&constant[..], &ape, b"TAG", &[b' '; 125]].concat(), 0.97),
        Shape::new("MPEG layer II", ffmpeg("a.mp2", &["-c:a", "mp2", "-ar", "48000", "-b:a", "128k"]), 0.97).late(160),
        Shape::new("AAC behind garbage", [&garbage[..], &adts].concat(), 0.95).late(341),
        Shape::new("AAC from the middle of a frame", adts[40..].to_vec(), 0.93),
        Shape::new("AAC behind a tag", [&b"ID3\x04\0\0\0\0\0\x05abcde"[..], &adts].concat(), 0.95).late(341),
    ]
}

/// What a decoder of MP3 adds where no tag says how much an encoder did, and that encoder's own: 1105 samples.
const BARE_DELAY: i32 = 1_105;

fn ogg() -> Vec<Shape> {
    let opus = ffmpeg("a.opus", &["-c:a", "libopus", "-b:a", "32k"]);
    let wide = ffmpeg("a.opus", &["-c:a", "libopus", "-b:a", "64k", "-ac", "2"]);
    let vorbis = ffmpeg("a.ogg", &["-c:a", "libvorbis", "-ar", "48000", "-q:a", "5"]);
    let slower = ffmpeg("a.ogg", &["-c:a", "libvorbis", "-ar", "22050", "-q:a", "5", "-ac", "2"]);
    let flac = ffmpeg("a.oga", &["-c:a", "flac"]);
    let chain = |links: &[&Vec<u8>]| links.iter().flat_map(|link| link.iter().copied()).collect::<Vec<u8>>();
    vec![
        Shape::new("FLAC in Ogg", flac.clone(), 0.9999),
        Shape::new("Opus, two links", chain(&[&opus, &opus]), 0.9).chained(2),
        Shape::new("Opus, three links, mono and stereo", chain(&[&opus, &wide, &opus]), 0.9).chained(3),
        Shape::new("Vorbis, two links", chain(&[&vorbis, &vorbis]), 0.95).chained(2),
        Shape::new("Vorbis, two rates", chain(&[&vorbis, &slower]), 0.95).chained(2),
        Shape::new("FLAC in Ogg, two links", chain(&[&flac, &flac]), 0.9999).chained(2),
        Shape::new("Opus behind Vorbis", chain(&[&vorbis, &opus]), 0.9).chained(2),
    ]
}

/// One channel is the other's negative: their mean is silence.
fn turned() -> Vec<Shape> {
    let turn =
        |file: &str, arguments: &[&str]| ffmpeg(file, &[&["-af", "pan=stereo|c0=c0|c1=-1*c0"], arguments].concat());
    vec![
        Shape::new("WAV, one side turned", turn("a.wav", &["-c:a", "pcm_s16le"]), 0.9999),
        Shape::new("FLAC, one side turned", turn("a.flac", &["-ar", "48000"]), 0.999),
        Shape::new(
            "MP3, one side turned",
            turn("a.mp3", &["-c:a", "libmp3lame", "-ar", "44100", "-b:a", "128k"]),
            0.97,
        ),
        Shape::new("Opus, one side turned", turn("a.opus", &["-c:a", "libopus", "-b:a", "96k"]), 0.9),
        Shape::new("WAV, one side turned and weaker", ffmpeg("a.wav", &["-af", "pan=stereo|c0=c0|c1=-0.9*c0"]), 0.9999),
    ]
}

fn apple() -> Vec<Shape> {
    let aiff = ffmpeg("a.aiff", &["-c:a", "pcm_s16be"]);
    let caf = ffmpeg("a.caf", &["-c:a", "pcm_s16be"]);
    let position = |bytes: &[u8], id: &[u8; 4]| bytes.windows(4).position(|part| part == id).expect("the chunk");
    let with = |bytes: &[u8], at: usize, change: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + change.len()].copy_from_slice(change);
        bytes
    };
    let (ssnd, data) = (position(&aiff, b"SSND"), position(&caf, b"data"));
    vec![
        Shape::new("AIFF", aiff.clone(), 0.9999),
        Shape::new("AIFF of no length", with(&aiff, 4, &[0; 4]), 0.9999),
        Shape::new("AIFF, its sound of no length", with(&aiff, ssnd + 4, &[0; 4]), 0.9999),
        Shape::new("AIFF, its sound longer than the file", with(&aiff, ssnd + 4, &[0x7f, 0xff, 0xff, 0xff]), 0.9999),
        Shape::new("AIFF, 8 bits", ffmpeg("a.aiff", &["-c:a", "pcm_s8"]), 0.98),
        Shape::new("AIFF, 24 bits, stereo", ffmpeg("a.aiff", &["-c:a", "pcm_s24be", "-ac", "2"]), 0.9999),
        Shape::new("AIFF, 32 bits", ffmpeg("a.aiff", &["-c:a", "pcm_s32be"]), 0.9999),
        Shape::new("AIFF-C, floats", ffmpeg("a.aiff", &["-c:a", "pcm_f32be"]), 0.9999),
        Shape::new("AIFF-C, doubles", ffmpeg("a.aiff", &["-c:a", "pcm_f64be"]), 0.9999),
        Shape::new("AIFF-C, A-law", ffmpeg("a.aiff", &["-c:a", "pcm_alaw"]), 0.98),
        Shape::new("AIFF-C, mu-law", ffmpeg("a.aiff", &["-c:a", "pcm_mulaw"]), 0.98),
        Shape::new("AIFF-C, little-endian", ffmpeg("a.aiff", &["-c:a", "pcm_s16le"]), 0.9999),
        Shape::new("AIFF by sox", sox("a.aiff", &[]), 0.9999),
        Shape::new("AIFF-C by sox", sox("a.aiffc", &[]), 0.9999),
        Shape::new("CAF", caf.clone(), 0.9999),
        Shape::new("CAF, its sound to the end", with(&caf, data + 4, &[0xff; 8]), 0.9999),
        Shape::new("CAF, its sound longer than the file", with(&caf, data + 4, &[0x7f; 8]), 0.9999),
        Shape::new("CAF, 8 bits", ffmpeg("a.caf", &["-c:a", "pcm_s8"]), 0.98),
        Shape::new("CAF, little-endian, stereo", ffmpeg("a.caf", &["-c:a", "pcm_s16le", "-ac", "2"]), 0.9999),
        Shape::new("CAF, 24 bits", ffmpeg("a.caf", &["-c:a", "pcm_s24le"]), 0.9999),
        Shape::new("CAF, floats", ffmpeg("a.caf", &["-c:a", "pcm_f32le"]), 0.9999),
        Shape::new("CAF, A-law", ffmpeg("a.caf", &["-c:a", "pcm_alaw"]), 0.98),
        Shape::new("CAF, mu-law", ffmpeg("a.caf", &["-c:a", "pcm_mulaw"]), 0.98),
        Shape::new("CAF, ADPCM", ffmpeg("a.caf", &["-c:a", "adpcm_ima_qt"]), 0.97),
        Shape::new("CAF, ALAC", ffmpeg("a.caf", &["-c:a", "alac"]), 0.9999),
        Shape::new("CAF, Opus", ffmpeg("a.caf", &["-c:a", "libopus"]), 0.9).late(104),
    ]
}

fn others() -> Vec<Shape> {
    vec![
        Shape::new("Matroska, PCM", ffmpeg("a.mka", &["-c:a", "pcm_s16le"]), 0.9999),
        Shape::new("Matroska, FLAC", ffmpeg("a.mka", &["-c:a", "flac"]), 0.9999),
        Shape::new("Matroska, MP3", ffmpeg("a.mka", &["-c:a", "libmp3lame", "-ar", "48000"]), 0.97).late(368),
        Shape::new("Matroska, AAC", ffmpeg("a.mka", &["-c:a", "aac", "-ar", "48000"]), 0.95).late(341),
        Shape::new("Matroska, Opus, stereo", ffmpeg("a.mka", &["-c:a", "libopus", "-b:a", "64k", "-ac", "2"]), 0.9),
        Shape::new("MOV, PCM", ffmpeg("a.mov", &["-c:a", "pcm_s16be"]), 0.9999),
        Shape::new("MP4, FLAC", ffmpeg("a.mp4", &["-c:a", "flac", "-strict", "-2"]), 0.9999),
        Shape::new("MP4, MP3", ffmpeg("a.mp4", &["-c:a", "libmp3lame", "-ar", "48000"]), 0.97),
        Shape::new("3GP, AAC", ffmpeg("a.3gp", &["-c:a", "aac", "-ar", "16000"]), 0.95),
        Shape::new(
            "FLAC through a pipe",
            piped(
                "ffmpeg",
                &["-hide_banner", "-loglevel", "error", "-nostdin", "-i"],
                &["-c:a", "flac", "-f", "flac", "pipe:1"],
            ),
            0.9999,
        ),
        Shape::new("FLAC by sox, 24 bits", sox("a.flac", &["-b", "24"]), 0.9999),
    ]
}

/// [`SPEECH`], said so often.
pub(crate) fn said(times: usize) -> Clip {
    Clip::new(original(SPEECH).samples.repeat(times), SampleRate::SPEECH)
}

/// Sound that is not decoded here, with the name under which it is refused.
pub(crate) fn foreign() -> Vec<(&'static str, Vec<u8>)> {
    let path = |name: &str| fixture(name);
    let of = |from: &Path, file: &str, arguments: &[&str]| converted(from, file, arguments);
    let speech = path(SPEECH);
    vec![
        ("AMR", sox("a.amr-nb", &["-r", "8000"])),
        // No program at hand writes one.
        ("AMR-WB", [&b"#!AMR-WB\n"[..], &[0x04; 18].repeat(50)].concat()),
        ("AU", of(&speech, "a.au", &[])),
        ("Wave64", of(&speech, "a.w64", &[])),
        ("WMA", of(&speech, "a.wma", &["-c:a", "wmav2"])),
        ("WavPack", of(&speech, "a.wv", &["-c:a", "wavpack"])),
        ("GSM 6.10", of(&speech, "a.wav", &["-c:a", "libgsm_ms", "-ar", "8000"])),
        ("G.722", of(&speech, "a.wav", &["-c:a", "adpcm_g722"])),
        ("64 bits", of(&speech, "a.wav", &["-c:a", "pcm_s64le"])),
        ("AAC", of(&speech, "a.wav", &["-c:a", "aac"])),
        ("Speex", of(&speech, "a.ogg", &["-c:a", "libspeex"])),
        ("AC-3", of(&speech, "a.mp4", &["-c:a", "ac3", "-ar", "48000"])),
        ("AC-3", of(&speech, "a.mka", &["-c:a", "ac3", "-ar", "48000"])),
        ("DTS", of(&speech, "a.mka", &["-c:a", "dca", "-ar", "48000", "-strict", "-2"])),
        ("IMA ADPCM", of(&speech, "a.aiff", &["-c:a", "adpcm_ima_qt"])),
    ]
}
