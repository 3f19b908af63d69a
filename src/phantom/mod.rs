//! Synthetic B-scans with exact labels.
