//! What has been said so far, with white space folded and stray punctuation left out.

#[derive(Debug, Default)]
pub(super) struct Output {
    /// Not yet taken.
    text: String,
    /// The last character said, taken or not.
    last: Option<char>,
    /// There is white space before whatever comes next.
    gap: bool,
}

impl Output {
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    pub(super) fn said_anything(&self) -> bool {
        self.last.is_some()
    }

    /// The last character said, where nothing stands between it and the next one.
    pub(super) fn neighbour(&self) -> Option<char> {
        if self.gap { None } else { self.last }
    }

    /// The last character said, white space aside.
    pub(super) fn last(&self) -> Option<char> {
        self.last
    }

    pub(super) fn at_word_start(&self) -> bool {
        self.neighbour().is_none_or(|c| !c.is_alphanumeric())
    }

    /// At the beginning, or behind a sentence's end and white space.
    pub(super) fn at_sentence_start(&self) -> bool {
        match self.last {
            None => true,
            Some(last) => self.gap && matches!(last, '.' | '!' | '?' | '…' | '"' | '”' | ')'),
        }
    }

    pub(super) fn gap(&mut self) {
        self.gap = self.last.is_some();
    }

    pub(super) fn say(&mut self, text: &str) {
        for c in text.chars() {
            self.say_one(c);
        }
    }

    fn say_one(&mut self, c: char) {
        if c.is_whitespace() {
            return self.gap();
        }
        if matches!(c, ',' | ';' | ':' | '.' | '!' | '?' | '…') {
            // What is left of a construct that was dropped: "*smiles*, yes" or "Sure. *smiles*."
            let stray = match self.last {
                None => true,
                Some(last) => self.gap && matches!(last, ',' | ';' | ':' | '.' | '!' | '?' | '…'),
            };
            if stray {
                return;
            }
        } else if self.gap {
            self.text.push(' ');
        }
        self.gap = false;
        self.text.push(c);
        self.last = Some(c);
    }

    /// Ends the sentence, where it has no end yet.
    pub(super) fn end_sentence(&mut self) {
        if self.last.is_some_and(|last| last.is_alphanumeric() || matches!(last, ')' | '"' | '”' | '\'' | '’' | '%'))
        {
            self.gap = false;
            self.text.push('.');
            self.last = Some('.');
        }
        self.gap();
    }
}
