"""Space Ranger's folders, versions 1 to 4: what lies where, and what is in each file."""
