"""From what was observed of a run to its verdict."""
