-- Which results to make anew because an earlier visit of the eye came later.
ALTER TABLE visits ADD COLUMN place TEXT;                       -- HMAC-SHA-256 of the path of the results; NULL if not known
ALTER TABLE visits ADD COLUMN outdated INTEGER NOT NULL DEFAULT 0; -- 1 until the results are asked for anew

PRAGMA user_version = 4;
