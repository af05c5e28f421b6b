"""The dock *Align*: laying spots on the slide."""
