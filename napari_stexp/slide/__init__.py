"""The slide room."""
