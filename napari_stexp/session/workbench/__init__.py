"""Everything that the window does, as methods of one object, by subject."""
