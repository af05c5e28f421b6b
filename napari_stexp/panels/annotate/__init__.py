"""The dock *Annotations*: drawing, classes, blinding, autosave, and taking regions in and out."""
