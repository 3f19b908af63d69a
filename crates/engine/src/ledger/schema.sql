-- One row for each content and model: how far it is.
CREATE TABLE scans (
    content TEXT NOT NULL,          -- SHA-256 of the scan, and after a plus that of its sidecar
    fingerprint TEXT NOT NULL,      -- model and settings
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'quarantined', 'superseded')),
    attempts INTEGER NOT NULL,      -- counted when an attempt begins, so that one which ends the program counts too
    code TEXT,                      -- of the last failure
    reason TEXT,
    path ANY NOT NULL,              -- below the root, as last taken; a BLOB where it is not UTF-8
    result ANY,                     -- folder below the output folder, while done
    first_taken TEXT NOT NULL,      -- RFC 3339
    changed TEXT NOT NULL,
    PRIMARY KEY (content, fingerprint)
) STRICT;

CREATE INDEX scans_by_result ON scans (result);

-- What lay at a path, so that a file need not be read to be recognised.
CREATE TABLE paths (
    path ANY NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sidecar_bytes INTEGER,
    sidecar_modified_ns INTEGER,
    content TEXT NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
