-- What was measured of an eye and when, for its follow-up. Nothing here leads to a patient without the secret beside the file.
CREATE TABLE visits (
    patient TEXT NOT NULL,          -- HMAC-SHA-256 of the patient's identifier with the secret
    eye TEXT NOT NULL,              -- OD or OS, quoted as in JSON
    scan TEXT NOT NULL,             -- HMAC-SHA-256 of the scan's own digest and series with the secret
    model TEXT NOT NULL,            -- SHA-256 of the model file, and where the ellipsoid zone ends
    device TEXT NOT NULL,           -- maker and model of the scanner
    acquired INTEGER NOT NULL,      -- seconds since 1970 by the scanner's clock
    protocol TEXT NOT NULL,         -- JSON: how the scan was laid over the retina
    verdict TEXT NOT NULL,          -- quoted as in JSON
    measures TEXT NOT NULL,         -- JSON: micrometres by name
    PRIMARY KEY (patient, eye, scan, model)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
