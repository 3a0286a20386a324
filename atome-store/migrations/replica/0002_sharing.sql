-- Sharing: grants and policies as the hub tells them, what this account did about them, what it may not have
-- any more.

ALTER TABLE replica ADD COLUMN evicting INTEGER NOT NULL DEFAULT 0; -- feed number of the last eviction that is applied
ALTER TABLE replica ADD COLUMN evicted  INTEGER NOT NULL DEFAULT 0; -- the same, of those whose traces are gone too
ALTER TABLE replica ADD COLUMN traces   INTEGER NOT NULL DEFAULT FALSE; -- whether the WAL may hold what was evicted

-- Grants that the account has to do with. What a snapshot brings is staged until it is installed.
CREATE TABLE grants (
    id       INTEGER PRIMARY KEY,
    grant_id BLOB    NOT NULL,
    staged   INTEGER NOT NULL,
    atome    BLOB    NOT NULL,
    grantee  BLOB    NOT NULL,
    body     TEXT    NOT NULL    -- JSON of sharing::Grant
);
CREATE UNIQUE INDEX grants_by_id ON grants (staged, grant_id);
CREATE INDEX grants_by_atome ON grants (atome);
CREATE INDEX grants_by_grantee ON grants (grantee);

-- What is done with the requests of other accounts; staged the same.
CREATE TABLE policies (
    staged INTEGER NOT NULL,
    sender BLOB    NOT NULL,
    body   TEXT    NOT NULL,     -- JSON of sharing::Policy
    PRIMARY KEY (staged, sender)
) WITHOUT ROWID;

-- Own commits that do something about sharing, and whether what the hub says shows it by now.
CREATE TABLE acts (
    id      INTEGER PRIMARY KEY, -- commits.id
    settled INTEGER NOT NULL
);
CREATE INDEX acts_open ON acts (id) WHERE NOT settled;

-- A commit that stands as refused because an eviction took what it altered; the hub has not refused it.
ALTER TABLE verdicts ADD COLUMN sealed INTEGER NOT NULL DEFAULT FALSE;
