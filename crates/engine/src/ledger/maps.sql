-- Thickness of the retina around the fovea, for difference maps.
ALTER TABLE visits ADD COLUMN map TEXT;

PRAGMA user_version = 7;
