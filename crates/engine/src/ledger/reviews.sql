-- What persons said of results. Rows are only added: the triggers refuse any change.
CREATE TABLE reviews (
    number INTEGER PRIMARY KEY,     -- in the order in which they were made
    content TEXT NOT NULL,          -- as in scans
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'rejected', 'commented', 'corrected')),
    reviewer TEXT NOT NULL,
    comment TEXT NOT NULL,          -- reason of a rejection; may be empty
    at TEXT NOT NULL                -- RFC 3339
) STRICT;

CREATE INDEX reviews_by_content ON reviews (content, fingerprint);
CREATE TRIGGER reviews_are_not_changed BEFORE UPDATE ON reviews BEGIN SELECT RAISE(ABORT, 'reviews are only added'); END;
CREATE TRIGGER reviews_are_not_removed BEFORE DELETE ON reviews BEGIN SELECT RAISE(ABORT, 'reviews are only added'); END;

PRAGMA user_version = 6;
