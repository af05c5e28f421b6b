"""The spots room."""
