"""What the sandbox has: versions that matter for fidelity, and GPUs. Nothing is imported for it."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "ipykernel",
    "ipython",
    "jupyter_client",
    "nbclient",
    "nbconvert",
    "nbformat",
    "numpy",
    "pandas",
    "torch",
    "transformers",
)
_GPU = re.compile(r"nvidia[0-9]+")


def package_versions() -> dict[str, str]:
    """Return the versions of those of `PACKAGES` that are installed."""
    found = {name: _version(name) for name in PACKAGES}
    return {name: version for name, version in found.items() if version is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def gpu_count(devices: Path = Path("/dev")) -> int:
    """Count the GPUs whose device files are here."""
    return sum(1 for entry in devices.iterdir() if _GPU.fullmatch(entry.name))
