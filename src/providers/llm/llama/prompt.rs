//! From messages to tokens: the model file's own chat template around them, what people wrote kept as plain text.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::{Arc, Mutex, PoisonError};

use llama_cpp_2::model::{LlamaChatTemplate, LlamaModel};
use llama_cpp_2::token::LlamaToken;

use super::calling::Calling;
use super::slots::common;
use super::vision::{Picture, Piece, Rows};
use super::{failed, raw};
use crate::domain::message::Role;
use crate::providers::ProviderError;
use crate::providers::llm::{ChatMessage, Tools};

/// Stands for a message's text while the template is laid out, so that the text itself is never read as template. From
/// the private use area, around the message's number.
const PLACE: char = '\u{e0f0}';

/// Text whose tokens are remembered; past it all are forgotten.
const REMEMBERED_BYTES: usize = 512 * 1024;

pub(super) struct Prompter {
    model: Arc<LlamaModel>,
    template: LlamaChatTemplate,
    /// Every control token's mark, the longest first.
    marks: Vec<(String, LlamaToken)>,
    /// Of those, what the template uses between plain messages.
    used: Vec<(String, LlamaToken)>,
    begin: Option<LlamaToken>,
    /// A history is sent again with every turn; most of it was tokenised before.
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    tokens: HashMap<String, Vec<LlamaToken>>,
    bytes: usize,
}

/// A prompt in tokens, but for its replies: those may have been said in other tokens than their text has by itself.
pub(super) struct Prompt {
    parts: Vec<Part>,
}

enum Part {
    Fixed(Vec<LlamaToken>),
    Reply { text: String, tokens: Vec<LlamaToken> },
    Picture(Rows),
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Fixed(tokens) | Part::Reply { tokens, .. } => tokens.len(),
            Part::Picture(rows) => rows.marks.len(),
        }
    }
}

impl Prompter {
    /// # Errors
    /// `Failed` where the model has no chat template, or one that llama.cpp doesn't know.
    pub(super) fn new(model: Arc<LlamaModel>) -> Result<Self, ProviderError> {
        let template = model.chat_template(None).map_err(|error| failed(format!("no chat template: {error}")))?;
        let begin = raw::begins_with_mark(&model).then(|| model.token_bos());
        let mut prompter =
            Self { model, template, marks: Vec::new(), used: Vec::new(), begin, remembered: Mutex::default() };
        let sample = prompter.layout(&[Role::System, Role::User, Role::Assistant, Role::User], true)?;
        prompter.marks = raw::control_tokens(&prompter.model);
        prompter.marks.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.len()));
        prompter.used = used_in(&sample, &prompter.marks);
        Ok(prompter)
    }

    /// Open for the model's turn where `generation` says so. `pictures` are the messages' own, computed, in their order;
    /// they stand before their message's text.
    ///
    /// # Errors
    /// `Failed` where the template leaves a message out.
    pub(super) fn prompt(
        &self,
        messages: &[ChatMessage],
        pictures: &[Arc<Picture>],
        generation: bool,
    ) -> Result<Prompt, ProviderError> {
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        let layout = self.layout(&roles, generation)?;
        self.fill(&layout, &self.used, messages, pictures)
    }

    /// A prompt, open for the model's turn, that tells of functions or holds calls and their results; and how its reply
    /// is read.
    ///
    /// # Errors
    /// `InvalidInput` where the functions can't be shown to this model, `Failed` as [`Prompter::prompt`].
    pub(super) fn prompt_with_tools(
        &self,
        messages: &[ChatMessage],
        pictures: &[Arc<Picture>],
        tools: Option<&Tools>,
    ) -> Result<(Prompt, Calling), ProviderError> {
        let calling = Calling::lay_out(&self.model, &self.template, &self.marks, messages, tools)?;
        let prompt = self.fill(calling.text(), &used_in(calling.text(), &self.marks), messages, pictures)?;
        Ok((prompt, calling))
    }

    /// Control tokens with their marks.
    pub(super) fn marks(&self) -> &[(String, LlamaToken)] {
        &self.marks
    }

    /// Puts the messages' texts where the layout has their placeholders; one that is empty may have none.
    fn fill(
        &self,
        layout: &str,
        marks: &[(String, LlamaToken)],
        messages: &[ChatMessage],
        pictures: &[Arc<Picture>],
    ) -> Result<Prompt, ProviderError> {
        let left_out = || failed("the chat template leaves messages out".into());
        let mut pictures = pictures.iter();
        let mut builder = Builder { prompter: self, marks, parts: Vec::new(), tokens: Vec::new(), run: String::new() };
        let mut next = 0;
        for (number, piece) in layout.split(PLACE).enumerate() {
            if number % 2 == 0 {
                builder.template(piece)?;
                continue;
            }
            let at = piece.parse::<usize>().ok().filter(|at| *at >= next).ok_or_else(left_out)?;
            let message = messages.get(at).ok_or_else(left_out)?;
            if messages[next..at].iter().any(has_content) {
                return Err(left_out());
            }
            next = at + 1;
            for picture in pictures.by_ref().take(message.images.len()) {
                builder.picture(picture)?;
            }
            builder.message(message.role, message.text.trim())?;
        }
        if messages[next..].iter().any(has_content) {
            return Err(left_out());
        }
        let mut parts = builder.finish()?;
        if let (Some(begin), Some(Part::Fixed(tokens))) = (self.begin, parts.first_mut())
            && tokens.first() != Some(&begin)
        {
            tokens.insert(0, begin);
        }
        Ok(Prompt { parts })
    }

    pub(super) fn count(&self, text: &str) -> usize {
        // A text too long to tokenise has more tokens than any context holds.
        raw::tokenize(&self.model, text).map_or(text.len(), |tokens| tokens.len())
    }

    fn layout(&self, roles: &[Role], generation: bool) -> Result<String, ProviderError> {
        let unfit = |_| failed("the chat template's text has a NUL".into());
        let places: Vec<(CString, CString)> = roles
            .iter()
            .enumerate()
            .map(|(at, role)| Ok((CString::new(role.as_str())?, CString::new(placeholder(at))?)))
            .collect::<Result<_, std::ffi::NulError>>()
            .map_err(unfit)?;
        let messages: Vec<(&CStr, &CStr)> = places.iter().map(|(a, b)| (a.as_c_str(), b.as_c_str())).collect();
        let bytes = raw::render(self.template.as_c_str(), &messages, generation)
            .ok_or_else(|| failed("llama.cpp doesn't know the model's chat template".into()))?;
        String::from_utf8(bytes).map_err(|_| failed("the chat template isn't UTF-8".into()))
    }

    fn tokens_of(&self, text: &str) -> Result<Vec<LlamaToken>, ProviderError> {
        // Each change is one step, so that a panic elsewhere leaves nothing half done.
        if let Some(tokens) = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).tokens.get(text) {
            return Ok(tokens.clone());
        }
        let tokens = raw::tokenize(&self.model, text).map_err(|error| failed(error.to_string()))?;
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.bytes + text.len() > REMEMBERED_BYTES {
            *remembered = Remembered::default();
        }
        remembered.bytes += text.len();
        remembered.tokens.insert(text.to_owned(), tokens.clone());
        Ok(tokens)
    }
}

/// What stands for the text of message `at` while a template is laid out.
pub(super) fn placeholder(at: usize) -> String {
    format!("{PLACE}{at}{PLACE}")
}

fn has_content(message: &ChatMessage) -> bool {
    !message.text.trim().is_empty() || !message.images.is_empty()
}

fn used_in(layout: &str, marks: &[(String, LlamaToken)]) -> Vec<(String, LlamaToken)> {
    marks.iter().filter(|(mark, _)| layout.contains(mark.as_str())).cloned().collect()
}

/// Tokenises text between two marks in one go, as the model saw it in training; replies stand apart.
struct Builder<'a> {
    prompter: &'a Prompter,
    marks: &'a [(String, LlamaToken)],
    parts: Vec<Part>,
    tokens: Vec<LlamaToken>,
    run: String,
}

impl Builder<'_> {
    fn template(&mut self, mut text: &str) -> Result<(), ProviderError> {
        // Of the marks that come first, the longest, which stands first in the list.
        while let Some((at, mark, token)) = self
            .marks
            .iter()
            .filter_map(|(mark, token)| text.find(mark.as_str()).map(|at| (at, mark, *token)))
            .min_by_key(|(at, ..)| *at)
        {
            self.run.push_str(&text[..at]);
            self.flush()?;
            self.tokens.push(token);
            text = &text[at + mark.len()..];
        }
        self.run.push_str(text);
        Ok(())
    }

    fn picture(&mut self, picture: &Picture) -> Result<(), ProviderError> {
        self.flush()?;
        for piece in &picture.pieces {
            match piece {
                Piece::Tokens(tokens) => self.tokens.extend(tokens),
                Piece::Rows(rows) => {
                    self.parts.push(Part::Fixed(std::mem::take(&mut self.tokens)));
                    self.parts.push(Part::Picture(rows.clone()));
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, role: Role, text: &str) -> Result<(), ProviderError> {
        if role != Role::Assistant {
            self.run.push_str(text);
            return Ok(());
        }
        self.flush()?;
        self.parts.push(Part::Fixed(std::mem::take(&mut self.tokens)));
        let tokens = self.prompter.tokens_of(text)?;
        self.parts.push(Part::Reply { text: text.to_owned(), tokens });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ProviderError> {
        if !self.run.is_empty() {
            self.tokens.extend(self.prompter.tokens_of(&self.run)?);
            self.run.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Part>, ProviderError> {
        self.flush()?;
        self.parts.push(Part::Fixed(self.tokens));
        Ok(self.parts)
    }
}

impl Prompt {
    /// As its text alone would have it.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// The rows of its pictures, in their order.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &Rows> {
        self.parts.iter().filter_map(|part| match part {
            Part::Picture(rows) => Some(rows),
            Part::Fixed(_) | Part::Reply { .. } => None,
        })
    }

    /// Its tokens, with those of `cached` for every reply that `cached` spells out at the same place; the rows of its
    /// pictures as their marks.
    pub(super) fn tokens(&self, model: &LlamaModel, cached: &[LlamaToken]) -> Vec<LlamaToken> {
        let mut all: Vec<LlamaToken> = Vec::with_capacity(self.len());
        for part in &self.parts {
            match part {
                Part::Fixed(tokens) => all.extend(tokens),
                Part::Picture(rows) => all.extend(&rows.marks),
                Part::Reply { text, tokens } => {
                    let said = cached.get(all.len()..).filter(|_| common(cached, &all) == all.len()).unwrap_or(&[]);
                    let (taken, rest) = retrace(text, said.iter().map(|token| raw::piece(model, *token, false)));
                    // The rest was tokenised before: it is the end of what was.
                    match raw::tokenize(model, rest) {
                        Ok(rest) if taken > 0 => {
                            all.extend(&said[..taken]);
                            all.extend(rest);
                        }
                        _ => all.extend(tokens),
                    }
                }
            }
        }
        all
    }
}

/// How many of `pieces` spell out the beginning of `text`, and what of `text` is left. One stretch of white space is as
/// good as another: a reply is tidied before it is kept.
fn retrace(text: &str, pieces: impl Iterator<Item = Vec<u8>>) -> (usize, &str) {
    let bytes = text.as_bytes();
    let (mut at, mut taken) = (0, (0, 0));
    let mut space = false;
    for (number, piece) in pieces.enumerate() {
        if piece.is_empty() || at == bytes.len() {
            break;
        }
        for byte in &piece {
            if byte.is_ascii_whitespace() {
                space = true;
                continue;
            }
            if std::mem::take(&mut space) && at > 0 {
                let from = at;
                while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
                if at == from {
                    return (taken.0, &text[taken.1..]);
                }
            }
            if bytes.get(at) != Some(byte) {
                return (taken.0, &text[taken.1..]);
            }
            at += 1;
        }
        // White space at a piece's end belongs to what follows; a piece may end inside a letter.
        if !space && text.is_char_boundary(at) {
            taken = (number + 1, at);
        }
    }
    (taken.0, &text[taken.1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow<'a>(text: &'a str, pieces: &[&str]) -> (usize, &'a str) {
        retrace(text, pieces.iter().map(|piece| piece.as_bytes().to_vec()))
    }

    #[test]
    fn a_reply_is_found_in_the_tokens_that_said_it() {
        assert_eq!(follow("Hello there.", &["Hel", "lo", " there", "."]), (4, ""));
        assert_eq!(follow("Hello there.", &[" Hello", " there", ".", "\n"]), (3, ""));
        assert_eq!(follow("One. Two.", &["One", ".", "\n\n", "Two", "."]), (5, ""));
    }

    #[test]
    fn a_reply_that_was_cut_or_changed_is_found_up_to_there() {
        assert_eq!(follow("Hello there", &["Hello", " there", ".", " How"]), (2, ""));
        assert_eq!(follow("Hello you", &["Hello", " there"]), (1, " you"));
        assert_eq!(follow("everyone", &["every", " one"]), (1, "one"));
        assert_eq!(follow("Hello", &["Hello!"]), (0, "Hello"));
        assert_eq!(follow("Hello", &[]), (0, "Hello"));
    }

    #[test]
    fn a_letter_in_two_pieces_is_not_cut() {
        let pieces = [b"caf".to_vec(), vec![0xc3], vec![0xa8]];
        assert_eq!(retrace("café", pieces.into_iter()), (1, "é"));
    }
}
