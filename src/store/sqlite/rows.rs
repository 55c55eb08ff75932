//! Between columns and the domain's types.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::Row;

use crate::store::StoreError;

/// Now, at the store's resolution of a microsecond: what is returned equals what is read back.
pub(in crate::store) fn timestamp_now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).expect("a timestamp without its nanoseconds is one")
}

pub(in crate::store) fn timestamp_in(row: &Row<'_>, column: &str) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(row.get(column)?)
        .map_err(|_| StoreError::Damaged(format!("{column} holds a time out of range")))
}

/// A text column as what it stands for.
pub(in crate::store) fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    parse(row.get_ref(column)?.as_str().map_err(|_| unreadable(column))?, column)
}

pub(super) fn parsed_optional<T: FromStr>(row: &Row<'_>, column: &str) -> Result<Option<T>, StoreError> {
    match row.get_ref(column)?.as_str_or_null().map_err(|_| unreadable(column))? {
        Some(text) => parse(text, column).map(Some),
        None => Ok(None),
    }
}

pub(super) fn json(row: &Row<'_>, column: &str) -> Result<serde_json::Value, StoreError> {
    let text = row.get_ref(column)?.as_str().map_err(|_| unreadable(column))?;
    // The reason would quote the text.
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(format!("{column} is not JSON")))
}

/// SQL counts in `i64`.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn parse<T: FromStr>(text: &str, column: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| unreadable(column))
}

fn unreadable(column: &str) -> StoreError {
    StoreError::Damaged(format!("{column} can't be read"))
}
