-- Sharing: grants, what readers see of other accounts' atomes, feeds that hold more than commits.

-- The atome above, to go down a tree.
ALTER TABLE states ADD COLUMN parent BLOB;
UPDATE states SET parent = unhex(replace(json_extract(body, '$.particles."$parent".v'), '-', ''))
    WHERE json_extract(body, '$.particles."$parent".v') IS NOT NULL;
CREATE INDEX states_by_parent ON states (account, parent) WHERE parent IS NOT NULL;

-- A feed entry names a commit, or a body of another kind.
ALTER TABLE feed RENAME COLUMN commit_id TO item;           -- commits.id, or bodies.id
ALTER TABLE feed ADD COLUMN kind INTEGER NOT NULL DEFAULT 0; -- 0 commit, 1 state, 2 evict, 3 grant, 4 policy
ALTER TABLE feed ADD COLUMN cut TEXT;                       -- JSON: the part of a commit that is seen, where it is not one's own, or not whole

-- What feeds hold beside commits. A state that several readers are told is kept once.
CREATE TABLE bodies (
    id      INTEGER PRIMARY KEY,
    account BLOB    NOT NULL,    -- the owner of a state; of others the reader
    atome   BLOB,                -- of a state
    hash    BLOB,                -- of a state: blake3 of the body
    body    TEXT    NOT NULL     -- JSON of what stands in sync::v1::Entry
);
CREATE INDEX bodies_by_hash ON bodies (account, hash);

-- Commits that wait for a grant.
ALTER TABLE commits ADD COLUMN deferred INTEGER NOT NULL DEFAULT FALSE;
CREATE INDEX commits_deferred ON commits (account) WHERE deferred;

-- When a replica was last seen, to the hour; the feed number up to which it has carried out evictions.
ALTER TABLE replicas ADD COLUMN seen_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replicas ADD COLUMN evicted INTEGER NOT NULL DEFAULT 0;

CREATE TABLE grants (
    id      INTEGER PRIMARY KEY,
    grant_id BLOB   NOT NULL UNIQUE,
    owner   BLOB    NOT NULL,
    atome   BLOB    NOT NULL,
    grantee BLOB    NOT NULL,
    counts  INTEGER NOT NULL,    -- whether it gives its grantee a part in the tree now
    due_ms  INTEGER,             -- when time changes that, or ends the request
    lost    INTEGER,             -- feed number of the eviction that its end brought to the grantee
    body    TEXT    NOT NULL     -- JSON of sharing::Grant
);
CREATE INDEX grants_by_atome ON grants (atome) WHERE counts;
CREATE INDEX grants_by_owner ON grants (owner) WHERE counts;
CREATE INDEX grants_by_grantee ON grants (grantee);
CREATE INDEX grants_due ON grants (due_ms) WHERE due_ms IS NOT NULL;

-- Who has to do with a grant.
CREATE TABLE parties (
    account  BLOB NOT NULL,
    grant_id BLOB NOT NULL,
    PRIMARY KEY (account, grant_id)
) WITHOUT ROWID;

CREATE TABLE policies (
    account BLOB NOT NULL,       -- whose
    sender  BLOB NOT NULL,       -- about whose requests
    body    TEXT NOT NULL,       -- JSON of sharing::Policy
    PRIMARY KEY (account, sender)
) WITHOUT ROWID;

-- What each reader sees of other accounts' atomes.
CREATE TABLE views (
    id     INTEGER PRIMARY KEY,
    reader BLOB    NOT NULL,
    atome  BLOB    NOT NULL,
    owner  BLOB    NOT NULL,
    sight  TEXT    NOT NULL,     -- JSON of the engine's Sight
    held   TEXT                  -- JSON of the state that was published last
);
CREATE UNIQUE INDEX views_by_reader ON views (reader, atome);
CREATE INDEX views_by_atome ON views (atome, reader);
