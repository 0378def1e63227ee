"""Updates → closed windows of a host: hopping windows, their statistics, the watermark, what is open."""
