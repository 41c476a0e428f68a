"""From flags, environment, settings file and Kaggle's metadata to one frozen `RunSpec`.

Nothing below this room reads any of them again. `resolve` starts no process and opens no socket:
what it has to know of the machine comes in as a `Host`.
"""

from harness.config.model import Host, Origin, Probe, Request, Resolved, Settings
from harness.config.resolve import resolve, what_to_probe

__all__ = [
    "Host",
    "Origin",
    "Probe",
    "Request",
    "Resolved",
    "Settings",
    "resolve",
    "what_to_probe",
]
