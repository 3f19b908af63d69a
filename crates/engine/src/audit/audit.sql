-- Who changed what, when. Rows are only ever added; each is chained to the one before by its digest.
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY,     -- 1, 2, 3 ...
    at TEXT NOT NULL,               -- RFC 3339
    who TEXT NOT NULL,              -- user and host
    action TEXT NOT NULL,
    subject TEXT NOT NULL,          -- path of a scan below the root, or name of a setting
    before TEXT,
    after TEXT,
    octrls TEXT NOT NULL,           -- version of the program
    digest TEXT NOT NULL            -- SHA-256 of the digest of the row before and of this row
) STRICT;

CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit can only be added to'); END;

CREATE TRIGGER IF NOT EXISTS audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit can only be added to'); END;
