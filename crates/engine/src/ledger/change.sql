-- Other content of the same size and modification time.
ALTER TABLE paths ADD COLUMN change INTEGER;    -- hash of ctime and inode of scan and sidecar; NULL if unknown

PRAGMA user_version = 5;
