-- Changing and deleting accounts, invitations, the public directory.

-- When the password was changed at the hub; absent while it is the one of the registration.
ALTER TABLE accounts ADD COLUMN password_changed_at_ms INTEGER;

-- The directory by change: of each account that was ever listed its last change only, so that numbers
-- have gaps. The greatest number is always there.
CREATE TABLE directory (
    number  INTEGER PRIMARY KEY,
    account BLOB    NOT NULL UNIQUE,
    listed  INTEGER NOT NULL         -- whether it is listed, or was deleted
);
INSERT INTO directory (number, account, listed)
    SELECT row_number() OVER (ORDER BY created_at_ms, account), account, TRUE
    FROM accounts WHERE visibility = '"public"';

-- Accounts that are no more. An id is never used again.
CREATE TABLE deleted (
    account       BLOB    PRIMARY KEY,
    deleted_at_ms INTEGER NOT NULL,
    purged        INTEGER NOT NULL   -- whether all that it kept is gone too
) WITHOUT ROWID;
CREATE INDEX deleted_to_purge ON deleted (account) WHERE NOT purged;

-- The sessions that deleted accounts had, so that their machines can be told why they are over.
CREATE TABLE graves (
    token_hash BLOB    PRIMARY KEY,
    account    BLOB    NOT NULL,
    until_ms   INTEGER NOT NULL      -- when the session would have ended by itself
) WITHOUT ROWID;

CREATE TABLE invites (
    code_hash     BLOB    PRIMARY KEY,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_by       BLOB               -- the account that was registered with it
) WITHOUT ROWID;
