"""What an operator does by hand: look at records of our topics, send refused ones back."""
