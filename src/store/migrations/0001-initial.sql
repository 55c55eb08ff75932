-- "Rose" in ASCII: tells this file from any other SQLite database.
PRAGMA application_id = 0x526f7365;

-- What is true of the whole store, such as which model made the embeddings.
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Times are microseconds since 1970, UTC. Ids are hyphenated UUIDs.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    title TEXT,
    created_at INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_id, last_active_at);
CREATE INDEX sessions_by_activity ON sessions (last_active_at);

-- `sequence` is the order of saving. It decides which is newest, so that a clock set back can't hide a state.
CREATE TABLE checkpoints (
    sequence INTEGER PRIMARY KEY NOT NULL,
    thread_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    checkpoint_id TEXT NOT NULL UNIQUE,
    parent_checkpoint_id TEXT,
    checkpoint TEXT NOT NULL,
    metadata TEXT NOT NULL CHECK (json_valid(metadata))
) STRICT;
CREATE INDEX checkpoints_of_thread ON checkpoints (thread_id, sequence);

-- No reference to sessions: a memory outlives the session that it was said in.
-- `folded` is the text in Unicode lower case; SQLite itself folds ASCII only.
CREATE TABLE memories (
    sequence INTEGER PRIMARY KEY NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    session_id TEXT,
    text TEXT NOT NULL,
    folded TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX memories_of_user ON memories (user_id, created_at);

-- The bytes are files in a folder, each named by its id.
CREATE TABLE blobs (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_of_session ON blobs (session_id);
CREATE INDEX blobs_by_age ON blobs (created_at);

-- Files still to be removed. Filled in the transaction that deletes the row, so a crash in between loses no removal.
CREATE TABLE blob_removals (
    id TEXT PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER blob_deleted AFTER DELETE ON blobs BEGIN
    INSERT OR IGNORE INTO blob_removals (id) VALUES (OLD.id);
END;

CREATE TABLE job_runs (
    job TEXT PRIMARY KEY NOT NULL,
    finished_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
