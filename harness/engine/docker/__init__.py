"""The Docker engine: one container a run, over the engine's API; podman's socket works too.

Importing this package is cheap: the SDK (80 ms) is imported when the first connection is made.
"""
