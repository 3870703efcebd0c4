"""The command `malaria`."""
