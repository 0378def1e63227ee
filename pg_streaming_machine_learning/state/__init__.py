"""What the state topic holds: progress, snapshots, orders; and how an engine is recovered from it."""
