-- Renames states for operators; adds model, times and duration, and requests to a running engine.
CREATE TABLE scans_of_3 (
    content TEXT NOT NULL,          -- SHA-256 of the scan; "+" and SHA-256 of its sidecar
    fingerprint TEXT NOT NULL,      -- model and settings
    state TEXT NOT NULL CHECK (state IN ('hashed', 'running', 'written', 'quarantined', 'superseded', 'expired')),
    attempts INTEGER NOT NULL,      -- counted when an attempt begins, so that crashes count too
    code TEXT,                      -- of the last failure
    reason TEXT,
    path ANY NOT NULL,              -- last path below the root; a BLOB if it is not UTF-8
    result ANY,                     -- folder below the output folder with its results, in any state
    bytes INTEGER,                  -- size of the scan
    model TEXT,                     -- SHA-256 of the model file
    queued TEXT,                    -- when the file stopped changing; RFC 3339, as all times
    started TEXT,                   -- start of the last attempt
    finished TEXT,                  -- end of the last attempt
    seconds REAL,                   -- duration of the last attempt, by a monotonic clock
    first_taken TEXT NOT NULL,
    changed TEXT NOT NULL,
    PRIMARY KEY (content, fingerprint)
) STRICT;

INSERT INTO scans_of_3 (content, fingerprint, state, attempts, code, reason, path, result, model, finished, first_taken, changed)
SELECT content, fingerprint, CASE state WHEN 'queued' THEN 'hashed' WHEN 'done' THEN 'written' ELSE state END,
       attempts, code, reason, path, result,
       CASE WHEN fingerprint GLOB 'octrls.* *' THEN substr(fingerprint, instr(fingerprint, ' ') + 1, 64) END,
       CASE WHEN state IN ('done', 'quarantined') THEN changed END, first_taken, changed
FROM scans;

DROP TABLE scans;
ALTER TABLE scans_of_3 RENAME TO scans;
CREATE INDEX scans_by_result ON scans (result);
CREATE INDEX scans_by_path ON scans (path);
CREATE INDEX paths_by_content ON paths (content);

-- Files that a running engine should check; the empty path means all files.
CREATE TABLE requests (
    path ANY NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The watched folders at the last start; the name is empty if there is only one.
CREATE TABLE roots (
    name TEXT NOT NULL PRIMARY KEY,
    path ANY NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
