"""One file for each experiment, named after it; `definition.py` finds them here."""
