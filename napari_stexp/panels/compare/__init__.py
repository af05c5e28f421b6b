"""The dock *Compare*: genes of regions, agreement, measurement, report."""
