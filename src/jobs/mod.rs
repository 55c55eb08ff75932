//! What runs by the clock: cleanup, backup.
