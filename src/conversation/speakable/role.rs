//! Role markers: "Rose:" before a line is not said; "User:" ends the reply, since the model has begun to speak for the
//! person.

/// Who a model may write in front of a line of its own.
const OWN: &[&str] = &["Assistant", "AI", "Bot"];

/// Who else it may speak for.
const OTHERS: &[&str] = &["User", "Human", "Person", "System", "Instruction", "Input", "Customer", "Patient", "Client"];

/// As [`OTHERS`], but also the start of many a sentence: only on a line of its own.
const OTHERS_ON_A_LINE: &[&str] = &["You", "Me", "Question"];

#[derive(Debug)]
pub(super) struct Roles {
    own: Vec<String>,
}

pub(super) enum Marker {
    /// Of the character itself; so many bytes.
    Own(usize),
    /// Of anybody else.
    Other,
    None,
    /// More text may make it one.
    Unknown,
}

impl Roles {
    pub(super) fn of(character: &str) -> Self {
        let mut own: Vec<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
        own.push(character.to_owned());
        own.extend(character.split_whitespace().next().map(str::to_owned));
        own.retain(|name| !name.is_empty());
        Self { own }
    }

    /// Reads `text`, which begins a line or, where not `on_a_line`, a sentence.
    pub(super) fn read(&self, text: &str, last: bool, on_a_line: bool) -> Marker {
        let mut unknown = false;
        for name in &self.own {
            match read_name(text, name, last) {
                Read::Marker(length) => return Marker::Own(length),
                Read::Unknown => unknown = true,
                Read::Nothing => {}
            }
        }
        let on_a_line = if on_a_line { OTHERS_ON_A_LINE } else { &[] };
        for name in OTHERS.iter().chain(on_a_line) {
            match read_name(text, name, last) {
                Read::Marker(_) => return Marker::Other,
                Read::Unknown => unknown = true,
                Read::Nothing => {}
            }
        }
        if unknown { Marker::Unknown } else { Marker::None }
    }
}

enum Read {
    Marker(usize),
    Nothing,
    Unknown,
}

/// `Name:`, also as `**Name:**`, `**Name**:`, `Name :` and in any letter case.
fn read_name(text: &str, name: &str, last: bool) -> Read {
    let more = if last { Read::Nothing } else { Read::Unknown };
    let body = text.trim_start_matches(['*', '_']);
    if body.len() < name.len() {
        // `get` since the cut may fall into a character.
        let so_far = name.get(..body.len());
        return if so_far.is_some_and(|start| start.eq_ignore_ascii_case(body)) { more } else { Read::Nothing };
    }
    if !body.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
        return Read::Nothing;
    }
    let after = body[name.len()..].trim_start_matches(['*', '_']);
    let after = after.strip_prefix(' ').unwrap_or(after);
    match after.chars().next() {
        None => more,
        Some(':') => Read::Marker(text.len() - after[1..].trim_start_matches(['*', '_']).len()),
        Some(_) => Read::Nothing,
    }
}
