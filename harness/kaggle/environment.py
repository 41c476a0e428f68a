"""The environment variables of a Kaggle batch session, complete: nothing of the host gets in.

Source, where no other is named: values printed in public notebooks and the environment baked into
the image (Kaggle/docker-python Dockerfile.tmpl), read 2026-11.

Left out on purpose:

- `KAGGLE_IS_COMPETITION_RERUN`: Kaggle sets it in the hidden rerun only, and code tests for its
  presence, not its value.
- `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` and their like: Kaggle does not set them, and setting
  them would hide how a notebook behaves there.
- `MPLBACKEND`: it was `agg` in 2020; today's image has an IPython profile that chooses the inline
  backend. ipykernel chooses the same one when the variable is absent, and plots would be missing
  from the saved notebook with `agg`.
- `KAGGLE_USER_SECRETS_TOKEN`, `KAGGLE_DATA_PROXY_*`, `KAGGLE_GRPC_DATA_PROXY_URL`: they belong to
  Kaggle's services, which are not emulated; without the address kagglehub takes its ordinary way
  and fails at the network, as it does there for what is not attached.
- `KAGGLE_GCP_ZONE`, `KAGGLE_GCP_PROJECT`, `KAGGLE_IAP_TOKEN`, `KAGGLE_API_V1_TOKEN`: their values
  are not known, and nothing in the image needs them.
"""

from __future__ import annotations

WORKING = "/kaggle/working"

# The mirror comes first; where it is not mounted the entry does no harm.
_PATH = (
    "/opt/mirror/bin",
    "/opt/bin",
    "/usr/local/nvidia/bin",
    "/usr/local/cuda/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/tools/node/bin",
    "/tools/google-cloud-sdk/bin",
)

# Image served from about 2026-08-17 to October 2026, by ten public notes, read 2026-11.
_KAGGLE_IMAGE = (
    "kaggle-gpu-images/python"
    "@sha256:37c64f7dd9c54116ecd1bcc88817c5469b88387388fade02bfa8bf3fc647d461"
)

# Variables that make the session what it is: changing one is a difference from Kaggle.
ESSENTIAL = frozenset(
    {
        "HOME",
        "KAGGLE_IS_COMPETITION_RERUN",
        "KAGGLE_KERNEL_RUN_TYPE",
        "PATH",
        "PWD",
        "PYTHONPATH",
        "PYTHONUSERBASE",
    }
)


def session_environment(*, gpus: int) -> dict[str, str]:
    """Make all variables of a batch session.

    Args:
        gpus: GPUs that the session really has. Without one the variables of CUDA are left out:
            a CUDA_HOME that leads nowhere sends libraries looking for a compiler.
    """
    variables = {
        "HOME": "/root",
        "KAGGLE_CONTAINER_NAME": "kaggle_0",
        "KAGGLE_DOCKER_IMAGE": _KAGGLE_IMAGE,
        "KAGGLE_KERNEL_INTEGRATIONS": "",
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "KAGGLE_URL_BASE": "https://www.kaggle.com",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "MKL_THREADING_LAYER": "GNU",
        "PATH": ":".join(_PATH),
        "PWD": WORKING,
        "PYTHONPATH": "/kaggle/lib/kagglegym:/kaggle/lib",
        "PYTHONUSERBASE": "/root/.local",
    }
    if gpus:
        variables["CUDA_HOME"] = "/usr/local/cuda"
        variables["LD_LIBRARY_PATH"] = "/usr/local/nvidia/lib64:/usr/local/cuda/lib64"
    return variables
