"""The dock *Train*: sections, settings, the running training and its scores."""
