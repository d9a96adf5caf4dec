"""Training: the training loop, its schedules, teacher forcing, several processes, and the tiers of a recipe."""
