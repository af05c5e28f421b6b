"""The viewer room."""
