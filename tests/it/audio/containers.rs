//! Every container that a browser, a phone or a person sends gives back the sound that was put in.

use std::time::Duration;

use rose::audio::{AudioError, DurationLimits, Encoding, decode, encode, resample};
use rose::domain::audio::{Clip, SampleRate};

use super::corpus::{corpus, foreign, said};
use super::made::{SPEECH, alignment, converted, decoded_at_16k, fixture, made, original};

#[test]
fn every_container_gives_the_sound_that_was_put_in() {
    let wanted = original(SPEECH);
    let mut faults = Vec::new();
    for (kind, recording) in made() {
        let got = decoded_at_16k(recording);
        let (lag, likeness) = alignment(&got.samples, &wanted.samples, 400);
        let surplus = got.samples.len() as i64 - wanted.samples.len() as i64;
        let line = format!("{}: {lag} samples late, likeness {likeness}, {surplus} samples longer", kind.file);
        println!("{line}");
        // One millisecond; the demuxer of WebM does not tell how much of the last packet is padding: up to 60 ms.
        if (lag - kind.delay).abs() > 16 || likeness < kind.likeness || !(-16..=1_000).contains(&surplus) {
            faults.push(line);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_shape_gives_the_sound_that_was_put_in() {
    let mut faults = Vec::new();
    for shape in corpus() {
        let wanted = said(shape.times);
        let got = match decode(&shape.bytes, &ANY) {
            Ok(clip) => resample(&clip, SampleRate::SPEECH),
            Err(error) => {
                faults.push(format!("{}: {error}", shape.name));
                continue;
            }
        };
        let (lag, likeness) = alignment(&got.samples, &wanted.samples, 1_400);
        let surplus = got.samples.len() as i64 - wanted.samples.len() as i64;
        let line = format!("{}: {lag} samples late, likeness {likeness}, {surplus} samples longer", shape.name);
        println!("{line}");
        // As above; a packet that was lost takes its length along.
        if (lag - shape.delay).abs() > 16 || likeness < shape.likeness || !(-2_200..=2_300).contains(&surplus) {
            faults.push(line);
        }
    }
    assert!(corpus().len() >= 60, "{} shapes", corpus().len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_not_decoded_is_named() {
    for (name, recording) in foreign() {
        let error = decode(&recording, &ANY).expect_err(name).to_string();
        println!("{error}");
        assert!(error.contains(name), "{name}: {error}");
    }
}

#[test]
fn sound_beside_a_picture_is_found() {
    let video = ["-f", "lavfi", "-i", "color=c=blue:s=64x64:r=5", "-shortest"];
    for (file, codecs) in [
        ("film.webm", &["-c:v", "libvpx", "-c:a", "libopus"][..]),
        ("film.mp4", &["-c:v", "libx264", "-c:a", "aac"][..]),
    ] {
        let got = decoded_at_16k(&converted(&fixture(SPEECH), file, &[&video[..], codecs].concat()));
        let (_, likeness) = alignment(&got.samples, &original(SPEECH).samples, 400);
        assert!(likeness > 0.9, "{file}: {likeness}");
    }
}

#[test]
fn channels_are_averaged() {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let clip = decode(&float_wav(spec, &[0.5, -0.5, 0.5, 0.25, f32::NAN, 1.0, f32::INFINITY, 0.0, 8.0, 8.0]), &ANY);
    assert_eq!(clip.expect("a WAV file").samples, [0.0, 0.375, 0.0, 0.0, 1.0]);
}

#[test]
fn limits_hold_at_both_ends() {
    let recording = encode(&Clip::new(vec![0.1; 16_000], SampleRate::SPEECH), Encoding::Wav);
    let limits =
        |least, most| DurationLimits { least: Duration::from_millis(least), most: Duration::from_millis(most) };
    assert!(decode(&recording, &limits(1_000, 1_000)).is_ok());
    let short = decode(&recording, &limits(1_001, 2_000)).expect_err("it is too short");
    assert_eq!(short.to_string(), "the recording lasts 1 s; at least 1.001 s are needed");
    assert_eq!(decode(&recording, &limits(0, 999)), Err(AudioError::TooLong { most: Duration::from_millis(999) }));
}

#[test]
fn a_small_file_of_much_silence_is_left_early() {
    let silence = ["-f", "lavfi", "-t", "14400", "-i", "anullsrc=r=8000:cl=mono", "-map", "1:a", "-c:a", "flac"];
    let bomb = converted(&fixture(SPEECH), "bomb.flac", &silence);
    assert!(bomb.len() < 3_000_000, "four hours of silence in {} bytes", bomb.len());
    let most = Duration::from_secs(60);
    assert_eq!(decode(&bomb, &DurationLimits { least: Duration::ZERO, most }), Err(AudioError::TooLong { most }));
}

const ANY: DurationLimits = DurationLimits::ANY;

fn float_wav(spec: hound::WavSpec, samples: &[f32]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a WAV header");
    samples.iter().for_each(|sample| writer.write_sample(*sample).expect("a sample"));
    writer.finalize().expect("a WAV file");
    bytes.into_inner()
}
