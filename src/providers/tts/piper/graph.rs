//! Parts a piper voice's graph at its vocoder, so that the sound can be rendered piece by piece.
//!
//! Piper's export (piper1-gpl 1.3, `export_onnx.py`) keeps the names of the VITS modules: everything of the HiFi-GAN
//! generator is under `/dec/`.

use std::collections::HashSet;

use bytes::Bytes;
use prost::DecodeError;

use crate::providers::tts::graph::{FLOAT, Surgery, tensor};

/// Where the names of the generator's nodes begin.
const VOCODER: &str = "/dec/";

/// Frames to each side that a sample depends on, for the two kinds of residual blocks that HiFi-GAN has (Kong et al. 2020,
/// arXiv 2010.05646, appendix A) with piper's kernels: half the kernels times their dilations, at each layer's rate.
const REACH_OF_TWO_CONVOLUTIONS: usize = 10;
const REACH_OF_SIX_CONVOLUTIONS: usize = 14;
/// Only the larger kind has nodes of this name.
const SIX_CONVOLUTIONS: &str = "/convs1.";

/// Two models that do in turn what the whole one does.
pub(super) struct Parts {
    /// From phonemes to latents.
    pub(super) encoder: Vec<u8>,
    /// From latents, of shape `(1, channels, frames)`, to samples.
    pub(super) vocoder: Vec<u8>,
    /// What the latents are called in both.
    pub(super) latents: String,
    /// How many frames to each side of its own a sample depends on.
    pub(super) reach: usize,
}

/// `None` where the graph has no vocoder by that name, or one that takes more than latents (voices with several
/// speakers do).
///
/// # Errors
/// Where `model` is no ONNX file.
pub(super) fn part(model: Bytes) -> Result<Option<Parts>, DecodeError> {
    let voice = Surgery::open(model)?;
    let outputs = voice.outputs()?;
    let vocoder = || voice.graph.nodes.iter().filter(|node| node.name.starts_with(VOCODER));
    let known: HashSet<&str> =
        voice.weights.iter().chain(vocoder().flat_map(|node| &node.outputs)).map(String::as_str).collect();
    let taken: HashSet<&str> = vocoder()
        .flat_map(|node| &node.inputs)
        .map(String::as_str)
        .filter(|input| !input.is_empty() && !known.contains(input))
        .collect();
    let [latents] = taken.into_iter().collect::<Vec<_>>()[..] else { return Ok(None) };
    let Some(samples) = outputs.first() else { return Ok(None) };

    let boundary = vec![tensor(latents, FLOAT)];
    let sound = voice.graph.outputs[..1].to_vec();
    Ok(Some(Parts {
        encoder: voice.part(&[latents], &[], voice.graph.inputs.clone(), boundary.clone()),
        vocoder: voice.part(&[samples], &[latents], boundary, sound),
        latents: latents.to_owned(),
        reach: match vocoder().any(|node| node.name.contains(SIX_CONVOLUTIONS)) {
            true => REACH_OF_SIX_CONVOLUTIONS,
            false => REACH_OF_TWO_CONVOLUTIONS,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::tts::graph::Node;
    use crate::providers::tts::graph::tests::{self, names, weight};

    fn node(name: &str, inputs: &[&str], output: &str) -> Node {
        tests::node(name, "", inputs, output)
    }

    fn model(nodes: Vec<Node>) -> Bytes {
        tests::model(nodes, &[weight("w.text"), weight("w.dec")])
    }

    #[test]
    fn each_half_holds_what_it_needs() {
        let whole = model(vec![
            node("/axes", &[], "axes"),
            node("/text", &["ids", "w.text"], "hidden"),
            node("/Mul", &["hidden"], "z"),
            node("/dec/pre", &["z", "w.dec"], "a"),
            node("/dec/post", &["a"], "b"),
            node("/Unsqueeze", &["b", "axes"], "samples"),
        ]);
        let parts = part(whole).unwrap().expect("it has a vocoder");
        assert_eq!(parts.latents, "z");
        assert_eq!(names(&parts.encoder), (vec!["/text".into(), "/Mul".into()], vec!["w.text".into()]));
        let vocoder = ["/axes", "/dec/pre", "/dec/post", "/Unsqueeze"].map(String::from).to_vec();
        assert_eq!(names(&parts.vocoder), (vocoder, vec!["w.dec".into()]));
    }

    #[test]
    fn what_cannot_be_parted_stays_whole() {
        let several = vec![
            node("/Mul", &["ids"], "z"),
            node("/emb", &["ids"], "speaker"),
            node("/dec/pre", &["z", "w.dec"], "a"),
            node("/dec/cond", &["a", "speaker"], "samples"),
        ];
        assert!(part(model(several)).unwrap().is_none());
        assert!(part(model(vec![node("/all", &["ids"], "samples")])).unwrap().is_none());
        assert!(part(Bytes::from_static(b"no model at all")).is_err());
    }
}
