-- States by the names that operators read; which model, when, and how long; what operators ask of a running engine.
CREATE TABLE scans_of_3 (
    content TEXT NOT NULL,          -- SHA-256 of the scan, and after a plus that of its sidecar
    fingerprint TEXT NOT NULL,      -- model and settings
    state TEXT NOT NULL CHECK (state IN ('hashed', 'running', 'written', 'quarantined', 'superseded', 'expired')),
    attempts INTEGER NOT NULL,      -- counted when an attempt begins, so that one which ends the program counts too
    code TEXT,                      -- of the last failure
    reason TEXT,
    path ANY NOT NULL,              -- below the root, as last taken; a BLOB where it is not UTF-8
    result ANY,                     -- folder below the output folder that holds its results, whatever the state
    bytes INTEGER,                  -- of the scan
    model TEXT,                     -- SHA-256 of the model file
    queued TEXT,                    -- RFC 3339, as all times: when the file had stood still
    started TEXT,                   -- the last attempt
    finished TEXT,                  -- when it ended
    seconds REAL,                   -- how long it took, by a clock that nobody sets
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

-- Files that a running engine is to look at; the empty path is all of them.
CREATE TABLE requests (
    path ANY NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The watched folders of the last start; the name is empty where there is one.
CREATE TABLE roots (
    name TEXT NOT NULL PRIMARY KEY,
    path ANY NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
