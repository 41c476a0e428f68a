"""Staging: put what a notebook attaches under `inputs/`, locked by size and hash.

`stage` brings a source in, `restore` brings back what the lock names, `lock` reads and writes
`inputs.lock`; `sources/` has one module for each kind of place that files come from.
"""
