"""Plots and tables that several docks share."""
