"""What is compiled: samples through the trees of a forest."""
