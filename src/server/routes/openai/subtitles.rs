//! A transcript as subtitles. SubRip has no standard but the use of it; WebVTT: <https://www.w3.org/TR/webvtt1/>.

use std::fmt::Write;
use std::time::Duration;

use crate::providers::stt::Segment;

pub(super) fn srt(segments: &[Segment]) -> String {
    let mut text = String::new();
    for (number, segment) in (1..).zip(segments) {
        let (start, end) = (time(segment.start, ','), time(segment.end, ','));
        // Writing to a string can't fail.
        let _ = write!(text, "{number}\n{start} --> {end}\n{}\n\n", one_block(&segment.text));
    }
    text
}

pub(super) fn vtt(segments: &[Segment]) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for segment in segments {
        let (start, end) = (time(segment.start, '.'), time(segment.end, '.'));
        // These begin markup; the arrow ends with one of them.
        let words = one_block(&segment.text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "{start} --> {end}\n{words}\n\n");
    }
    text
}

/// An empty line would end it.
fn one_block(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn time(at: Duration, point: char) -> String {
    let milliseconds = at.as_millis();
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> Vec<Segment> {
        vec![
            Segment::new(Duration::ZERO, Duration::from_millis(1_250), "A & B -->\n\nC".into()),
            Segment::new(Duration::from_millis(3_723_004), Duration::from_secs(3_724), "End.".into()),
        ]
    }

    #[test]
    fn times_and_blocks_are_as_players_read_them() {
        let srt_text = "1\n00:00:00,000 --> 00:00:01,250\nA & B -->\nC\n\n2\n01:02:03,004 --> 01:02:04,000\nEnd.\n\n";
        assert_eq!(srt(&segments()), srt_text);
        let vtt_text =
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nA &amp; B --&gt;\nC\n\n01:02:03.004 --> 01:02:04.000\nEnd.\n\n";
        assert_eq!(vtt(&segments()), vtt_text);
    }
}
