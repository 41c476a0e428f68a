"""These tests are for the inside of the image `test`; elsewhere they are not collected."""

from pathlib import Path

collect_ignore_glob = [] if Path("/tests/mirror.lock").exists() else ["test_*.py"]
