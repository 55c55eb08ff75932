//! Memory policy: what to keep, what to recall. Knows no SQL and no prompt.
