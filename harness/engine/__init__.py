"""Engines that isolate a run: Docker and bubblewrap behind one Protocol."""
