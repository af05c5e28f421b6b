"""The predict room."""
