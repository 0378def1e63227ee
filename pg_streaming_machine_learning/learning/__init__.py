"""Sample → prediction: the model, what it needs, and how well it does."""
