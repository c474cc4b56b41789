"""The words of the house: frozen values that pass between packages, and the error tree. Nothing of ours is imported here."""
