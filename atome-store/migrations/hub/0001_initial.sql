-- The hub. Every table that grows has the account first in its key; where an id stands before it, that is
-- only the place in the file (bodies are appended, and the keys stand by themselves, small).
-- 64-bit ids and numbers are kept as SQLite integers of the same bits; ids as the 16 bytes of their UUID;
-- stamps as 16 bytes that sort as stamps do; commits, verdicts and states as the JSON that travels.

CREATE TABLE hub (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    hub   BLOB    NOT NULL,
    epoch INTEGER NOT NULL
);

CREATE TABLE accounts (
    account       BLOB    PRIMARY KEY,
    name          TEXT    NOT NULL,
    name_folded   TEXT    NOT NULL UNIQUE,
    phone         TEXT    UNIQUE,
    visibility    TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,  -- argon2id, PHC form
    retry_hash    BLOB    NOT NULL,  -- blake3 of the registration's retry secret
    disabled      INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    account       BLOB    NOT NULL,
    session       BLOB    NOT NULL,
    token_hash    BLOB    NOT NULL UNIQUE,
    device        TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    seen_at_ms    INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    ttl_ms        INTEGER NOT NULL,  -- how far a use of it moves its end
    PRIMARY KEY (account, session)
) WITHOUT ROWID;

-- Where the feed of an account ends, and where what is kept of it begins.
CREATE TABLE heads (
    account BLOB    PRIMARY KEY,
    head    INTEGER NOT NULL,
    oldest  INTEGER NOT NULL
) WITHOUT ROWID;

-- What is decided of each replica.
CREATE TABLE replicas (
    account   BLOB    NOT NULL,
    replica   INTEGER NOT NULL,
    number    INTEGER NOT NULL,  -- last commit decided
    last_time INTEGER NOT NULL,  -- hybrid time of its last commit admitted
    PRIMARY KEY (account, replica)
) WITHOUT ROWID;

CREATE TABLE commits (
    id      INTEGER PRIMARY KEY,
    account BLOB    NOT NULL,    -- the author
    replica INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    content BLOB    NOT NULL,    -- hash of what it says
    claimed BLOB,                -- the stamp that it came with, where it was given another
    stamp   BLOB,                -- the stamp that it was given, where it came with another
    verdict TEXT,                -- JSON of sync::v1::Ruling, where it was not plainly accepted
    body    TEXT                 -- absent where it was refused
);
CREATE UNIQUE INDEX commits_by_number ON commits (account, replica, number);
CREATE INDEX commits_by_claim ON commits (account, claimed) WHERE claimed IS NOT NULL;
CREATE INDEX commits_by_verdict ON commits (account, replica, number) WHERE verdict IS NOT NULL;

-- What an account may see, in the order in which the hub accepted it.
CREATE TABLE feed (
    account   BLOB    NOT NULL,  -- the reader
    number    INTEGER NOT NULL,
    commit_id INTEGER NOT NULL,  -- commits.id
    PRIMARY KEY (account, number)
) WITHOUT ROWID;

-- Feed entries by atome; the first one of an atome stands in states.made instead.
CREATE TABLE touched (
    account BLOB    NOT NULL,
    atome   BLOB    NOT NULL,
    feed    INTEGER NOT NULL,
    PRIMARY KEY (account, atome, feed)
) WITHOUT ROWID;

CREATE TABLE states (
    id      INTEGER PRIMARY KEY,
    account BLOB    NOT NULL,
    atome   BLOB    NOT NULL,
    made    INTEGER NOT NULL,    -- the feed number of the first commit that touches it
    body    TEXT    NOT NULL
);
CREATE UNIQUE INDEX states_by_atome ON states (account, atome);

-- The digest and the number of the atomes that an account sees, by bucket.
CREATE TABLE digests (
    account BLOB    NOT NULL,
    bucket  INTEGER NOT NULL,
    atomes  INTEGER NOT NULL,
    digest  BLOB    NOT NULL,
    PRIMARY KEY (account, bucket)
) WITHOUT ROWID;
