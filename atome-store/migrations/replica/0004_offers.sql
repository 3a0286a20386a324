-- A hub, or a life of its database, that comes after another.

-- Whether the next snapshot is joined to what is here, instead of taking its place: the first one of a hub's life.
ALTER TABLE replica ADD COLUMN joins INTEGER NOT NULL DEFAULT TRUE;
UPDATE replica SET joins = feed IS NULL;

-- Whether another hub, or life of its database, gave some of what is here: what the snapshot lacks of that is
-- offered to the hub.
ALTER TABLE replica ADD COLUMN owes INTEGER NOT NULL DEFAULT FALSE;
UPDATE replica SET owes = joins AND hub IS NOT NULL;

-- Atomes of which there is more here than the hub has.
CREATE TABLE offers (
    atome BLOB PRIMARY KEY
) WITHOUT ROWID;
