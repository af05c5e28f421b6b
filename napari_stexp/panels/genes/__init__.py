"""The dock *Genes*: the list, the colours, signatures, composites."""
