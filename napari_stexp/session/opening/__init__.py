"""Files that are opened: what each one is, in which order, and what has to be asked."""
