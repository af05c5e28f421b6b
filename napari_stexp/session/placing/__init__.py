"""Where things are: the scale of the slide, its tissue, and spots laid on it."""
