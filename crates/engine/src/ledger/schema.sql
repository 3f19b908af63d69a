-- One row for each content and model: its state.
CREATE TABLE scans (
    content TEXT NOT NULL,          -- SHA-256 of the scan; "+" and SHA-256 of its sidecar
    fingerprint TEXT NOT NULL,      -- model and settings
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'quarantined', 'superseded')),
    attempts INTEGER NOT NULL,      -- counted when an attempt begins, so that crashes count too
    code TEXT,                      -- of the last failure
    reason TEXT,
    path ANY NOT NULL,              -- last path below the root; a BLOB if it is not UTF-8
    result ANY,                     -- folder below the output folder, while done
    first_taken TEXT NOT NULL,      -- RFC 3339
    changed TEXT NOT NULL,
    PRIMARY KEY (content, fingerprint)
) STRICT;

CREATE INDEX scans_by_result ON scans (result);

-- The file last seen at each path, so that it can be recognised without reading it.
CREATE TABLE paths (
    path ANY NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sidecar_bytes INTEGER,
    sidecar_modified_ns INTEGER,
    content TEXT NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
