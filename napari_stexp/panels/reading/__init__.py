"""The dock *Plots*: profiles of a spot or of chosen spots, and plots of the shown gene."""
