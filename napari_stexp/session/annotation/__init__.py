"""The pathologist's part: regions, classes, labels per spot, and what is compared by them."""
