"""What leaves the session: figures, and files for other programs."""
