"""Predictions of the present spots, and the steps that make them."""
