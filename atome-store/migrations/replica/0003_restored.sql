-- A store that was restored from a backup: once the hub has decided what was pending in it, it takes a new
-- replica id, for the original may have gone on, or be at work.

ALTER TABLE replica ADD COLUMN restored INTEGER NOT NULL DEFAULT FALSE;
