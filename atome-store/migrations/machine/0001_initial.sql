-- The accounts that this machine knows, and which Unix user may use which. Tokens of the hub are not here.

CREATE TABLE accounts (
    account       BLOB    PRIMARY KEY,
    name          TEXT    NOT NULL,
    name_folded   TEXT    NOT NULL UNIQUE,
    phone         TEXT,
    visibility    TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,  -- argon2id, PHC form
    registered    INTEGER NOT NULL,  -- whether the hub knows the account
    conflict      INTEGER NOT NULL,  -- whether the hub gave the name or phone to another
    retry_secret  TEXT,              -- present while a registration is pending
    session_expires_at_ms INTEGER,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE ties (
    uid      INTEGER NOT NULL,
    account  BLOB    NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (uid, account)
) WITHOUT ROWID;
CREATE INDEX ties_by_account ON ties (account);
