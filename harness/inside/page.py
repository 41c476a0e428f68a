"""The program that turns a notebook into Kaggle's page. It imports nothing of the harness.

It runs as the notebook did, outside of the runner's reach into the harness: nbconvert reads
templates and modules that the notebook could have changed. `harness.inside.render` starts it with
`python -c` and this file's text, gives it the notebook, and takes the page from its output.
"""

from __future__ import annotations

import json
import os
import resource
import sys

IMAGES = "__results___files"
_ADDRESS_SPACE_BYTES = 8 * 2**30
_NICENESS = 5


def main() -> None:
    """Import nbconvert, wait for the notebook, write a header, the page and its images."""
    os.nice(_NICENESS)  # the kernel and the runner, which start at the same time, come first
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    import nbformat  # noqa: PLC0415 - after the lines above
    from nbconvert.exporters.html import HTMLExporter  # noqa: PLC0415

    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whoever prints something must not print into the page
    notebook = nbformat.v4.reads(sys.stdin.buffer.read().decode("utf-8"))
    exporter = HTMLExporter()
    exporter.register_preprocessor(
        "nbconvert.preprocessors.ExtractOutputPreprocessor", enabled=True
    )
    resources = {
        "unique_key": "__results__",
        "output_files_dir": IMAGES,
        "metadata": {"name": "__notebook__"},
    }
    body, resources = exporter.from_notebook_node(notebook, resources=resources)
    page = body.encode("utf-8", "replace")
    images = resources.get("outputs") or {}
    header = {"page": len(page), "images": [[name, len(data)] for name, data in images.items()]}
    output.write(json.dumps(header).encode("ascii") + b"\n" + page)
    for data in images.values():
        output.write(data)
    output.close()


if __name__ == "__main__":
    main()
