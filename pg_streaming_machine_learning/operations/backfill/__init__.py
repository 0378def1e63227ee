"""Learning from what topics still hold, in this process: what is read, in which order, and what comes of it."""
