"""The dock *Predict*."""
