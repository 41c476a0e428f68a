"""Prove a Kaggle notebook offline, the way Kaggle runs it.

Kept free of imports: the sandbox mounts this package beside a foreign Python.
"""
