"""The whole work: as one value, in files, and kept against a crash."""
