//! Screens: the dashboard, plain lines, JSON lines. Siblings that read the same events.
