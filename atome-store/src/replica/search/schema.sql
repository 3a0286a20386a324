-- The index of one replica store, for `find`: made of the store, and made anew where it does not fit it any more.
-- A change of this schema takes another application_id; an index of the one before is then thrown away.

-- A row an atome that is there, by the id of its state: the texts of its particles, which are not kept themselves.
CREATE VIRTUAL TABLE words USING fts5 (
    texts,
    atome   UNINDEXED,
    updated UNINDEXED,           -- hybrid time
    content = '', contentless_delete = 1, contentless_unindexed = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);

-- What of the store is in it.
CREATE TABLE reach (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    account BLOB    NOT NULL,
    through INTEGER NOT NULL,    -- local changes up to it are
    seal    BLOB    NOT NULL,    -- hash of the last commit up to there: another timeline has another one
    scanned INTEGER              -- of states as they were, those up to this id; none where all are
);
