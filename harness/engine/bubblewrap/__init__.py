"""The embedded engine: unprivileged namespaces made by the `bwrap` program, no daemon, no image."""
