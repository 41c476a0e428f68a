"""The command line: one file a command; `console.py` alone knows rich."""
