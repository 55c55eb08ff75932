//! Pictures of a prompt. Decoded and computed on a thread of their own, beside the replies; those that were shown last
//! are kept as computed.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use sha2::{Digest, Sha256};

use super::mtmd::{Chunk, Embeddings, Projector};
use super::{BACKEND, failed, invalid};
use crate::domain::image::Image;
use crate::images::{self, ImageDecodeError};
use crate::providers::ProviderError;
use crate::providers::worker::Worker;

/// Larger ones are made smaller before the projector sees them: what models of this size take at most.
const LONGEST_SIDE: u32 = 2048;

/// Some projectors can't part a picture that is thinner than this.
const SHORTEST_SIDE: u32 = 16;

/// Pictures that may wait.
const QUEUE: usize = 16;

/// Computed pictures that are kept; one is about a megabyte.
const KEPT: usize = 16;

pub(super) struct Vision {
    worker: Worker<Reader>,
}

struct Reader {
    projector: Projector,
    recent: VecDeque<([u8; 32], Arc<Picture>)>,
}

/// A picture as a prompt has it.
pub(super) struct Picture {
    pub(super) pieces: Vec<Piece>,
}

#[derive(Clone)]
pub(super) enum Piece {
    Tokens(Vec<LlamaToken>),
    Rows(Rows),
}

/// Embeddings that stand in a prompt as if they were tokens: each row has a number of its own, below zero, by which it is
/// recognised in what is computed already.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) marks: Vec<LlamaToken>,
    pub(super) embeddings: Arc<Embeddings>,
}

impl Vision {
    /// # Errors
    /// `Failed` where the projector can't be loaded or doesn't fit the model.
    pub(super) fn load(model: Arc<LlamaModel>, projector: &Path, threads: usize) -> Result<Self, ProviderError> {
        let path = projector.to_owned();
        let worker = Worker::start(BACKEND, QUEUE, move || {
            let projector = Projector::load(model, &path, threads).map_err(|error| failed(error.to_string()))?;
            Ok(Reader { projector, recent: VecDeque::new() })
        })?;
        Ok(Self { worker })
    }

    /// # Errors
    /// `InvalidInput` for a picture that can't be decoded, `Busy` where too many wait, `Failed` where it can't be
    /// computed.
    pub(super) async fn read(&self, image: Image) -> Result<Arc<Picture>, ProviderError> {
        self.worker.run(move |reader| reader.read(&image)).await?.0
    }
}

impl Reader {
    fn read(&mut self, image: &Image) -> Result<Arc<Picture>, ProviderError> {
        let sum: [u8; 32] = Sha256::digest(&image.bytes).into();
        if let Some((_, picture)) = self.recent.iter().find(|(known, _)| *known == sum) {
            return Ok(Arc::clone(picture));
        }
        let rgb = images::decode(image, LONGEST_SIDE).map_err(|error: ImageDecodeError| invalid(error.to_string()))?;
        if rgb.width.min(rgb.height) < SHORTEST_SIDE {
            return Err(invalid(format!("a picture is at least {SHORTEST_SIDE} pixels wide and high")));
        }
        let chunks = self.projector.read(&rgb).map_err(|error| failed(error.to_string()))?;
        let picture = Arc::new(Picture::new(&sum, chunks));
        if self.recent.len() >= KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back((sum, Arc::clone(&picture)));
        Ok(picture)
    }
}

impl Picture {
    fn new(sum: &[u8; 32], chunks: Vec<Chunk>) -> Self {
        let mut row = 0_u32;
        let pieces = chunks.into_iter().map(|chunk| match chunk {
            Chunk::Tokens(tokens) => Piece::Tokens(tokens),
            Chunk::Embeddings(embeddings) => {
                let marks = (0..embeddings.rows).map(|_| {
                    row += 1;
                    mark(sum, row)
                });
                Piece::Rows(Rows { marks: marks.collect(), embeddings: Arc::new(embeddings) })
            }
        });
        Self { pieces: pieces.collect() }
    }
}

/// Of a picture's row, below zero.
fn mark(sum: &[u8; 32], row: u32) -> LlamaToken {
    let digest = Sha256::new().chain_update(sum).chain_update(row.to_le_bytes()).finalize();
    let number = i32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
    LlamaToken(number | i32::MIN)
}

/// Whether a token of a prompt stands for a row of a picture.
pub(super) fn is_mark(token: LlamaToken) -> bool {
    token.0 < 0
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use llama_cpp_2::model::params::LlamaModelParams;

    use super::*;
    use crate::domain::image::ImageFormat;
    use crate::domain::message::Role;
    use crate::providers::llm::ChatMessage;
    use crate::providers::llm::llama::prompt::Prompter;
    use crate::providers::llm::llama::raw::{self, Batch, CachePrecision, Context, ContextSettings};

    #[test]
    fn rows_are_told_apart_by_picture_and_place() {
        let picture = |sum: u8, rows: usize| {
            let embeddings = Embeddings { rows, width: 1, values: vec![0.0; rows] };
            let chunks = vec![Chunk::Tokens(vec![LlamaToken(7)]), Chunk::Embeddings(embeddings)];
            let picture = Picture::new(&[sum; 32], chunks);
            let Some(Piece::Rows(rows)) = picture.pieces.last() else { panic!("rows") };
            rows.marks.clone()
        };
        let marks = picture(1, 64);
        assert!(marks.iter().all(|mark| is_mark(*mark)) && !is_mark(LlamaToken(0)));
        assert_eq!(marks, picture(1, 64));
        assert!(marks.iter().zip(picture(2, 64)).all(|(one, other)| *one != other));
        assert!(marks.windows(2).all(|pair| pair[0] != pair[1]));
    }

    /// Of `scripts/reference/vision.py`.
    #[derive(serde::Deserialize)]
    struct Reference {
        question: String,
        prompt_tokens: usize,
        embeddings: Vec<f32>,
        logits: Vec<f32>,
    }

    /// Absolute for small values, relative for large ones: ggml looks GELU up in a table of half precision.
    fn farthest(one: &[f32], other: &[f32]) -> f32 {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max)
    }

    #[test]
    fn a_picture_is_read_as_the_reference_reads_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision");
        let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let reference: Reference = serde_json::from_slice(&file("reference.json")).unwrap();
        let parameters = LlamaModelParams::default();
        let backend = crate::providers::llm::llama::backend().unwrap();
        let model = LlamaModel::load_from_file(backend, folder.join("model.gguf"), &parameters).unwrap();
        let model = Arc::new(model);
        let mut projector = Projector::load(Arc::clone(&model), &folder.join("projector.gguf"), 1).unwrap();
        let image = Image { bytes: Bytes::from(file("picture.png")), format: ImageFormat::Png };
        let chunks = projector.read(&images::decode(&image, LONGEST_SIDE).unwrap()).unwrap();
        let embeddings: Vec<f32> = chunks
            .iter()
            .flat_map(|chunk| match chunk {
                Chunk::Embeddings(embeddings) => embeddings.values.as_slice(),
                Chunk::Tokens(_) => &[],
            })
            .copied()
            .collect();
        assert!(
            farthest(&embeddings, &reference.embeddings) < 1e-3,
            "{}",
            farthest(&embeddings, &reference.embeddings)
        );

        let message = ChatMessage { images: vec![image], ..ChatMessage::new(Role::User, reference.question) };
        let picture = Arc::new(Picture::new(&[0; 32], chunks));
        let prompt = Prompter::new(Arc::clone(&model)).unwrap().prompt(&[message], &[picture], true).unwrap();
        let tokens = prompt.tokens(&model, &[]);
        assert_eq!(tokens.len(), reference.prompt_tokens);
        // With the reference's own embeddings: what differs in those was compared above. Half precision is what serves.
        for (cache, most) in [(CachePrecision::Single, 1e-3), (CachePrecision::Half, 1e-2)] {
            let settings = ContextSettings { cells: 256, sequences: 1, batch_tokens: 128, threads: 1, cache };
            let mut context = Context::new(Arc::clone(&model), settings).unwrap();
            let (mut at, mut row, mut from) = (0, 0, 0);
            while at < tokens.len() {
                let marks = tokens[at..].iter().take_while(|token| is_mark(**token)).count();
                if marks > 0 {
                    let to = from + marks * raw::embedding_width(&model);
                    context.decode_embeddings(&reference.embeddings[from..to], at, 0).unwrap();
                    (at, from) = (at + marks, to);
                    continue;
                }
                let mut batch = Batch::default();
                for token in tokens[at..].iter().take_while(|token| !is_mark(**token)) {
                    row = batch.push(*token, at, 0, at + 1 == tokens.len());
                    at += 1;
                }
                context.decode(&mut batch).unwrap();
            }
            let apart = farthest(context.logits(row), &reference.logits);
            assert!(apart < most, "{cache:?}: {apart}");
        }
    }
}
