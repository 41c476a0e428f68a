"""Kaggle's sessions as data: cores, memory, disk and time of each, with source and date.

Sources, where no other is named: Kaggle, "Notebooks" documentation, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.errors import RequestError
from harness.kaggle.nearest import nearest, suggestion

DEFAULT_PROFILE = "gpu-t4x2"

_HOUR_S = 3600.0
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of session.

    Attributes:
        name: What `--profile` takes.
        accelerator: Kaggle's name of it; `none` without one.
        gpus: GPUs in the session.
        cpus: Cores as the session counts them (threads).
        memory_bytes: Kaggle writes GB; `free` shows more than that many GiB there, so GiB it is.
        wall_time_s: Longest run of "Save & Run All".
        competition_wall_time_s: Longest run that most code competitions allow.
        disk_bytes: /kaggle/working.
        shm_bytes: /dev/shm.
        source: Where the numbers come from, and when that was read.
        retired: What Kaggle does with it now, when it was withdrawn; else empty.
        not_runnable: Why no run with it is possible here; else empty.
    """

    name: str
    accelerator: str
    gpus: int
    cpus: int
    memory_bytes: int
    wall_time_s: float = 12 * _HOUR_S
    # Source: "Code Requirements" of several competitions ("CPU <= 9 h, GPU <= 9 h"), read 2026-11.
    # Others set 5, 8 or 12 h: `--time-limit` is for those.
    competition_wall_time_s: float = 9 * _HOUR_S
    disk_bytes: int = 20 * 10**9
    # Kaggle's own value is not known. This is what Kaggle's test of the image starts it with.
    # Source: Kaggle/docker-python, `test`, read 2026-11.
    shm_bytes: int = 2 * _GIB
    source: str
    retired: str = ""
    not_runnable: str = ""


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                name="cpu",
                accelerator="none",
                gpus=0,
                cpus=4,
                memory_bytes=30 * _GIB,
                source="Kaggle, Notebooks documentation, read 2026-11",
            ),
            Profile(
                name="gpu-t4x2",
                accelerator="GPU T4 x2",
                gpus=2,
                cpus=4,
                memory_bytes=29 * _GIB,
                source="Kaggle, Notebooks documentation, read 2026-11",
            ),
            Profile(
                name="gpu-p100",
                accelerator="GPU P100",
                gpus=1,
                cpus=4,
                memory_bytes=29 * _GIB,
                source="Kaggle, Notebooks documentation, read 2026-11",
                # Source: Kaggle, product announcement 735239 (by users' notes), read 2026-11.
                retired=(
                    "Kaggle withdrew the P100 on 2026-09-15 and runs such notebooks on GPU T4 x2"
                ),
            ),
            Profile(
                name="tpu-v5e-8",
                accelerator="TPU v5e-8",
                gpus=0,
                # Cores and memory of this session are not published; these are of the older
                # "TPU 1VM", and no run uses them.
                cpus=96,
                memory_bytes=330 * _GIB,
                wall_time_s=9 * _HOUR_S,
                source="Kaggle/kaggle-cli docs/kernels.md (the name), read 2026-11",
                not_runnable="a TPU cannot be emulated, and torch_xla and JAX need one",
            ),
        )
    }
)

# Identifiers in `machine_shape` and in `metadata.kaggle.accelerator`, in lower case, to profiles.
# Source: Kaggle/kaggle-cli docs/kernels.md (February and September 2026), read 2026-11; `gpu`,
# `none` and the camel-case forms are in public notebooks and in pulled metadata.
_ACCELERATORS: Mapping[str, str] = MappingProxyType(
    {
        "": "cpu",
        "none": "cpu",
        "gpu": "gpu-t4x2",
        "gput4x2": "gpu-t4x2",
        "nvidiateslat4": "gpu-t4x2",
        "nvidiateslat4highmem": "gpu-t4x2",
        "nvidiateslap100": "gpu-p100",
        "tpu": "tpu-v5e-8",
        "tpuv38": "tpu-v5e-8",
        "tpu1vmv38": "tpu-v5e-8",
        "tpuv5e8": "tpu-v5e-8",
        "tpuv6e8": "tpu-v5e-8",
    }
)

# Accelerators that only some competitions or Kaggle's staff have; their cores and memory are not
# published, so they take the default profile's. Written as Kaggle writes them.
_UNPUBLISHED = (
    "NvidiaTeslaA100",
    "NvidiaTeslaL4",
    "NvidiaL4",
    "NvidiaL4X1",
    "NvidiaH100",
    "NvidiaRtxPro6000",
)

_KNOWN_IDS = ("None", "NvidiaTeslaT4", "NvidiaTeslaP100", "TpuV5E8", "TpuV6E8", *_UNPUBLISHED)


def find_profile(name: str, *, where: str) -> Profile:
    """Look up a profile that a run can use.

    Args:
        name: The profile's name, in any case.
        where: Where the name was written, for the message.

    Raises:
        RequestError: No such profile, or one that cannot be run here.
    """
    profile = PROFILES.get(name.strip().casefold())
    if profile is None:
        raise RequestError(
            f"{where}: there is no profile {name!r}.", fix=suggestion(name, PROFILES.keys())
        )
    if profile.not_runnable:
        raise RequestError(
            f"{where}: the profile {profile.name} ({profile.accelerator}) cannot be run here: "
            f"{profile.not_runnable}.",
            fix="Prove the part that needs no TPU with --profile cpu, or choose a GPU notebook.",
        )
    return profile


def profile_of_accelerator(accelerator: str) -> tuple[str, str]:
    """Translate Kaggle's identifier of an accelerator into a profile.

    Args:
        accelerator: From `machine_shape` or `metadata.kaggle.accelerator`.

    Returns:
        The profile's name, and a warning for the user or an empty string.
    """
    folded = accelerator.strip().casefold().replace("_", "")
    if folded in _ACCELERATORS:
        return _ACCELERATORS[folded], ""
    if folded in {each.casefold() for each in _UNPUBLISHED}:
        return DEFAULT_PROFILE, (
            f"the accelerator {accelerator} is known, but Kaggle does not publish its cores and "
            f"memory, so the limits of {DEFAULT_PROFILE} are used"
        )
    near = nearest(accelerator, _KNOWN_IDS)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(_KNOWN_IDS)}"
    return DEFAULT_PROFILE, (
        f"the accelerator {accelerator!r} is not known ({hint}), so the profile "
        f"{DEFAULT_PROFILE} is used"
    )
