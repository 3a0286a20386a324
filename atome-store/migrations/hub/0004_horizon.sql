-- Feeds that let go of their oldest numbers, and a hub whose database went back.

-- When the hub took an entry, in milliseconds since 1970; 0 of those that it took before it kept this.
ALTER TABLE feed ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX feed_by_state ON feed (item) WHERE kind = 1;

-- When the oldest entry that is kept was taken; absent where none is kept. What is there already counts as
-- new: nobody who is away today starts again because the hub was upgraded.
ALTER TABLE heads ADD COLUMN oldest_ms INTEGER;
UPDATE heads SET oldest_ms = unixepoch() * 1000 WHERE head >= oldest;
CREATE INDEX heads_by_age ON heads (oldest_ms) WHERE oldest_ms IS NOT NULL;

-- The life of the database as this account knows it, where that is not the hub's.
ALTER TABLE heads ADD COLUMN epoch INTEGER;

-- The commits that touch an atome, found without the feed; the first one stands in states.made instead,
-- which is commits.id from now on, and 0 of a copy, which no commit made.
ALTER TABLE touched RENAME TO touched_by_feed;
CREATE TABLE touched (
    account   BLOB    NOT NULL,
    atome     BLOB    NOT NULL,
    commit_id INTEGER NOT NULL,  -- commits.id
    PRIMARY KEY (account, atome, commit_id)
) WITHOUT ROWID;
INSERT INTO touched (account, atome, commit_id)
    SELECT t.account, t.atome, f.item FROM touched_by_feed t
    JOIN feed f ON f.account = t.account AND f.number = t.feed AND f.kind = 0;
DROP TABLE touched_by_feed;
UPDATE states SET made = coalesce(
    (SELECT item FROM feed f WHERE f.account = states.account AND f.number = states.made AND f.kind = 0), 0);

-- Accounts whose clients have seen more than the database has: it went back. Until an operator has accepted
-- that, nothing is purged and no feed is compacted.
CREATE TABLE setbacks (
    account   BLOB    PRIMARY KEY,
    replica   INTEGER NOT NULL,  -- whose client showed it
    shown_ms  INTEGER NOT NULL,  -- when, in milliseconds since 1970
    head      INTEGER NOT NULL,  -- where the feed ended here
    seen      INTEGER NOT NULL,  -- the feed number that the client has seen
    number    INTEGER NOT NULL,  -- the last commit of the replica that is decided here
    acked     INTEGER NOT NULL   -- the last one that the client knows to be decided
) WITHOUT ROWID;
