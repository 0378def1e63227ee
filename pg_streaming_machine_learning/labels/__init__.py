"""What counts as a bottleneck: response times → 0 or 1."""
