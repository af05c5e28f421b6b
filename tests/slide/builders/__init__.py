"""Small slides as scanners write them, with known pixels."""
