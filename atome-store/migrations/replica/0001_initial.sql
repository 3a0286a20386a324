-- One account's replica on one machine.
-- 64-bit ids and numbers are kept as SQLite integers of the same bits; atomes, accounts and hubs as the
-- 16 bytes of their UUID, which sort as the ids do; commits and states as the JSON that travels.

CREATE TABLE replica (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    account   BLOB    NOT NULL,
    replica   INTEGER NOT NULL,
    number    INTEGER NOT NULL,  -- last own commit, where that is not the last in commits
    acked     INTEGER NOT NULL,  -- last own commit that the hub decided
    change    INTEGER NOT NULL,  -- last local change, where that is not the last in commits
    seen      INTEGER NOT NULL,  -- greatest hybrid time of others' versions and of the hub
    hub       BLOB,
    epoch     INTEGER,
    feed      INTEGER,           -- cursor: everything up to it is applied
    gen       INTEGER NOT NULL,  -- the generation of states that counts
    baseline  INTEGER NOT NULL,  -- commits up to this id are part of the baselines, those in kept excepted
    schedule  TEXT    NOT NULL,  -- JSON of local::v1::SetMode
    paused    INTEGER NOT NULL
);

-- The timeline. The id is the local order in which commits came, and the change counter of watchers.
CREATE TABLE commits (
    id      INTEGER PRIMARY KEY,
    replica INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    feed    INTEGER,             -- its feed number, where the feed brought it
    body    TEXT    NOT NULL
);
CREATE UNIQUE INDEX commits_by_number ON commits (replica, number);

-- What the hub decided of own commits, other than plain acceptance.
CREATE TABLE verdicts (
    id      INTEGER PRIMARY KEY, -- commits.id
    ruling  TEXT    NOT NULL,    -- JSON of sync::v1::Ruling
    refused INTEGER NOT NULL,    -- whether its versions do not count
    listed  INTEGER NOT NULL     -- whether a person still has to look at it
);

-- Commits by atome; the first one of an atome stands in states.made instead.
CREATE TABLE touched (
    atome     BLOB    NOT NULL,
    commit_id INTEGER NOT NULL,
    PRIMARY KEY (atome, commit_id)
) WITHOUT ROWID;

-- The atomes, by id: a small row each, since ids made from external keys come in no order. A snapshot is
-- gathered in the next generation, which one update then makes the current.
CREATE TABLE atomes (
    gen     INTEGER NOT NULL,
    atome   BLOB    NOT NULL,
    state   INTEGER NOT NULL,    -- states.id
    deleted INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    parent  BLOB,
    PRIMARY KEY (gen, atome)
) WITHOUT ROWID;
CREATE INDEX atomes_by_parent ON atomes (gen, parent) WHERE parent IS NOT NULL;

-- Their states, in the order in which they came.
CREATE TABLE states (
    id   INTEGER PRIMARY KEY,
    made INTEGER,                -- one commit that touches the atome, mostly the one that made it
    body TEXT    NOT NULL,
    base TEXT                    -- what a snapshot brought; '' where that is the body itself
);

-- The digest of each generation, by bucket.
CREATE TABLE digests (
    gen    INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    digest BLOB    NOT NULL,
    PRIMARY KEY (gen, bucket)
) WITHOUT ROWID;

-- Commits up to replica.baseline that the baselines do not have: own ones, pending when a snapshot came.
CREATE TABLE kept (
    id INTEGER PRIMARY KEY       -- commits.id
);

-- Changes of states that no commit brought: a refusal, a clamp, a snapshot (of much: with atome 0).
CREATE TABLE echoes (
    change INTEGER NOT NULL,
    atome  BLOB    NOT NULL,
    PRIMARY KEY (change, atome)
) WITHOUT ROWID;
