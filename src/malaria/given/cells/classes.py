"""The two classes, by label."""

CLASSES = ("Uninfected", "Parasitized")  # parasitized = 1: the positive class; names of folders
