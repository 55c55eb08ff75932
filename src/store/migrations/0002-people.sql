-- What is true of a person rather than of one conversation, as JSON: where they are, whether they are a minor, what they
-- accepted, when they were told that they talk with an AI.
CREATE TABLE people (
    user_id TEXT PRIMARY KEY NOT NULL,
    profile TEXT NOT NULL CHECK (json_valid(profile))
) STRICT, WITHOUT ROWID;

-- How often which alarm was answered on a day (UTC, such as 2026-11-26). Nobody's words, and nobody.
CREATE TABLE care_counts (
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    level TEXT NOT NULL,
    layer TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, kind, level, layer)
) STRICT, WITHOUT ROWID;
