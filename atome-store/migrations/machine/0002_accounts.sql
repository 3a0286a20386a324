-- What waits for the hub, what is on its way out, and a copy of the public directory.

ALTER TABLE accounts ADD COLUMN invite TEXT;              -- for a registration that is pending
ALTER TABLE accounts ADD COLUMN session_life_ms INTEGER;  -- how long the session lives from its last use on
-- The account of the hub that this one becomes: the move was begun, and goes on at the next start.
ALTER TABLE accounts ADD COLUMN joins BLOB;

-- Accounts whose files are still to be removed.
CREATE TABLE removals (
    account BLOB PRIMARY KEY
) WITHOUT ROWID;

-- Sessions that the hub is still to be told to close. The token is where tokens are kept, under `secret`.
CREATE TABLE revocations (
    id       INTEGER PRIMARY KEY,
    account  BLOB    NOT NULL,
    secret   TEXT    NOT NULL UNIQUE,
    since_ms INTEGER NOT NULL
);

-- The copy of the directory: public fields, and nothing else.
CREATE TABLE directory (
    account     BLOB    PRIMARY KEY,
    name        TEXT    NOT NULL,
    name_folded TEXT    NOT NULL,
    phone       TEXT,
    visibility  TEXT    NOT NULL,
    kept_ms     INTEGER NOT NULL     -- when the hub said so
) WITHOUT ROWID;
CREATE INDEX directory_by_name ON directory (name_folded, account);
CREATE INDEX directory_by_phone ON directory (phone) WHERE phone IS NOT NULL;

-- Of which hub the copy is, and up to which change.
CREATE TABLE directory_cursor (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    hub     BLOB    NOT NULL,
    epoch   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    true_ms INTEGER NOT NULL         -- when the hub last said that nothing was missing
);
