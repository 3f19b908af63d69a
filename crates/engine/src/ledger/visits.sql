-- Measures of each visit of an eye, for follow-up. Without the key beside the database, no row can be traced to a
-- patient.
CREATE TABLE visits (
    patient TEXT NOT NULL,          -- HMAC-SHA-256 of the patient's identifier
    eye TEXT NOT NULL,              -- OD or OS, quoted as in JSON
    scan TEXT NOT NULL,             -- HMAC-SHA-256 of the scan's digest and series
    model TEXT NOT NULL,            -- SHA-256 of the model file, and the ellipsoid zone convention
    device TEXT NOT NULL,           -- maker and model of the scanner
    acquired INTEGER NOT NULL,      -- seconds since 1970 by the scanner's clock
    protocol TEXT NOT NULL,         -- JSON: scan pattern on the retina
    verdict TEXT NOT NULL,          -- quoted as in JSON
    measures TEXT NOT NULL,         -- JSON: micrometres by name
    PRIMARY KEY (patient, eye, scan, model)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
