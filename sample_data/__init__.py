"""Synthetic sample data and the script that makes them."""
