"""Learning from what topics still hold: what is read, in which order, and what comes of it."""
