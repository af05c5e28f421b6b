"""The dock *Slide & spots*."""
