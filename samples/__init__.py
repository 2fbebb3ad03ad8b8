"""Sample trials: design, synthetic participants, and what they convert to."""
