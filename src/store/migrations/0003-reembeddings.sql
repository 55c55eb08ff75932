-- The memories' embeddings by the model that is to take over, until all are there: `rose memories reembed`. Which model that is
-- stands in `meta`. An embedding that points nowhere is NULL.
CREATE TABLE memory_reembeddings (
    memory_sequence INTEGER PRIMARY KEY NOT NULL REFERENCES memories (sequence) ON DELETE CASCADE,
    embedding BLOB
) STRICT;
-- A text that is another now must be embedded again.
CREATE TRIGGER memory_text_changed AFTER UPDATE OF text ON memories BEGIN
    DELETE FROM memory_reembeddings WHERE memory_sequence = OLD.sequence;
END;
