"""The panels room."""
