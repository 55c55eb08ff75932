//! Holds back what may turn out to be a stop text, across the pieces in which a reply comes.

/// Lets text through up to the first stop text.
pub(super) struct StopScanner {
    stops: Vec<String>,
    /// The end of what came so far, as long as it may begin a stop text.
    held: String,
}

/// What may be said after a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// Perhaps empty.
    Text(String),
    /// What stood before a stop text; the reply ends here.
    Stopped(String),
}

impl StopScanner {
    /// Empty stop texts stop nothing.
    pub(super) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), held: String::new() }
    }

    pub(super) fn push(&mut self, piece: &str) -> Scanned {
        if self.stops.is_empty() {
            return Scanned::Text(piece.to_owned());
        }
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Scanned::Stopped(std::mem::take(&mut self.held));
        }
        let may_begin = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - may_begin);
        Scanned::Text(std::mem::replace(&mut self.held, kept))
    }

    /// What was held back, now that nothing more comes.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// The length in bytes of the longest end of `text` with which `stop` begins.
fn overlap(text: &str, stop: &str) -> usize {
    text.char_indices().map(|(at, _)| &text[at..]).find(|end| stop.starts_with(end)).map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that comes through, and whether a stop text came.
    fn scan(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut scanner = StopScanner::new(&stops);
        let mut text = String::new();
        for piece in pieces {
            match scanner.push(piece) {
                Scanned::Text(more) => text.push_str(&more),
                Scanned::Stopped(more) => return (text + &more, true),
            }
        }
        (text + &scanner.finish(), false)
    }

    #[test]
    fn stops_within_a_piece_and_across_pieces() {
        assert_eq!(scan(&["END"], &["one END two"]), ("one ".into(), true));
        assert_eq!(scan(&["END"], &["one E", "N", "D two"]), ("one ".into(), true));
        assert_eq!(scan(&["\nUser:"], &["yes\n", "User", ": no"]), ("yes".into(), true));
    }

    #[test]
    fn what_only_looked_like_a_stop_is_said() {
        assert_eq!(scan(&["END"], &["one E", "N", "OUGH"]), ("one ENOUGH".into(), false));
        assert_eq!(scan(&["END"], &["one EN"]), ("one EN".into(), false));
        assert_eq!(scan(&["aab"], &["a", "a", "a", "b"]), ("a".into(), true));
    }

    #[test]
    fn nothing_of_a_stop_leaks_before_it_is_whole() {
        let mut scanner = StopScanner::new(&["END".into()]);
        assert_eq!(scanner.push("one E"), Scanned::Text("one ".into()));
        assert_eq!(scanner.push("N"), Scanned::Text(String::new()));
        assert_eq!(scanner.push("D"), Scanned::Stopped(String::new()));
    }

    #[test]
    fn the_earliest_of_several_wins_and_letters_stay_whole() {
        assert_eq!(scan(&["two", "ne"], &["one two"]), ("o".into(), true));
        assert_eq!(scan(&["é!"], &["caf", "é", "?"]), ("café?".into(), false));
        assert_eq!(scan(&["", "."], &["a", ".b"]), ("a".into(), true));
    }
}
