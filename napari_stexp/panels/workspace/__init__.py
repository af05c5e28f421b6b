"""Saving and opening the whole work: files, drops, recovery, what is remembered."""
