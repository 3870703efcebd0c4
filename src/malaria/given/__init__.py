"""Given code, finished and not to be edited: data, command line, run reports."""
