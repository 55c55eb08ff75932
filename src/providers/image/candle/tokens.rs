//! A prompt as CLIP's token ids: lower case, letters of bytes, `</w>` at each word's end, framed, and filled up to 77.

use std::path::Path;

use serde::Deserialize;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use super::layout::{Files, Unfit, read_json};

/// What counts as a word; from CLIP's own `simple_tokenizer.py`.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// The length that every Stable Diffusion was trained with.
pub(super) const LENGTH: usize = 77;

const BEGIN: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// `tokenizer_config.json`, and `special_tokens_map.json` beside it.
#[derive(Debug, Deserialize)]
struct Names {
    pad_token: Option<Name>,
    /// With it the file is of a kind that `special_tokens_map.json` no longer adds to.
    added_tokens_decoder: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Name {
    Plain(String),
    Token { content: String },
}

impl Name {
    fn text(self) -> String {
        match self {
            Name::Plain(text) | Name::Token { content: text } => text,
        }
    }
}

pub(super) struct Tokens {
    tokenizer: Tokenizer,
    begin: u32,
    end: u32,
    pad: u32,
}

impl Tokens {
    /// # Errors
    /// `Unfit` where a file is missing or is something else.
    pub(super) fn load(files: &Files<'_>) -> Result<Self, Unfit> {
        let unfit = |reason: tokenizers::Error| Unfit::Tokenizer(reason.to_string());
        let path = |role| files.path(role).and_then(|path| text(path));
        let model = BPE::from_file(path("tokenizer.vocab")?, path("tokenizer.merges")?)
            .unk_token(END.into())
            .end_of_word_suffix("</w>".into())
            .build()
            .map_err(unfit)?;
        let mut tokenizer = Tokenizer::new(model);
        let spaces = Replace::new(tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into()), " ");
        tokenizer
            .with_normalizer(Some(Normalizers::new(vec![NFC.into(), spaces.map_err(unfit)?.into(), Lowercase.into()])))
            .map_err(unfit)?;
        let words = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true);
        tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![
            words.map_err(unfit)?.into(),
            ByteLevel::new(false, true, false).into(),
        ])));
        let pad = pad(files)?;
        let id = |token: &str| {
            tokenizer.token_to_id(token).ok_or_else(|| Unfit::Tokenizer(format!("vocab.json has no {token}")))
        };
        let (begin, end, pad_id) = (id(BEGIN)?, id(END)?, id(&pad)?);
        // Met in a prompt, each of them is itself and no word.
        tokenizer
            .add_special_tokens([BEGIN, END, pad.as_str()].map(|token| AddedToken::from(token, true)))
            .map_err(unfit)?;
        Ok(Self { tokenizer, begin, end, pad: pad_id })
    }

    /// What goes past the length is cut.
    ///
    /// # Errors
    /// Where the tokenizer fails.
    pub(super) fn encode(&self, prompt: &str) -> tokenizers::Result<Vec<u32>> {
        let words = self.tokenizer.encode(prompt, false)?;
        let mut ids = vec![self.begin];
        ids.extend(words.get_ids().iter().take(LENGTH - 2));
        ids.push(self.end);
        ids.resize(LENGTH, self.pad);
        Ok(ids)
    }
}

fn pad(files: &Files<'_>) -> Result<String, Unfit> {
    let mut names: Names = read_json(files.path("tokenizer.config")?)?;
    if names.added_tokens_decoder.is_none()
        && let Some(map) = files.optional("tokenizer.special")
    {
        let over: Names = read_json(map)?;
        names.pad_token = over.pad_token.or(names.pad_token);
    }
    Ok(names.pad_token.map_or_else(|| END.to_owned(), Name::text))
}

fn text(path: &Path) -> Result<&str, Unfit> {
    path.to_str().ok_or_else(|| Unfit::Tokenizer(format!("the path {} is not UTF-8", path.display())))
}
