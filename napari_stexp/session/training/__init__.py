"""A training: its sections, data, run and course."""
