"""What leaves: one module for each output topic."""
