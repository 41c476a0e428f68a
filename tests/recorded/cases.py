"""Cells that fail for real, each with the cause that the judge has to find in what it printed.

`record.py` runs them in a sandbox without network and keeps the texts; `test_exceptions.py` of the
judge reads both. Standard library only: this file is mounted into the sandbox.

`gpu` says which accelerator the run is judged with: `missing` (the profile has GPUs, this machine
none) or `none` (the CPU profile).
"""

# ruff: noqa: E501 - cells are kept as people write them

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Case:
    """One cell.

    Attributes:
        name: Unique.
        expected: Value of the Cause.
        source: The cell.
        gpu: `missing` or `none`.
        asked: Names that the name-server sink would have seen while the cell ran.
    """

    name: str
    expected: str
    source: str
    gpu: str = "missing"
    asked: tuple[str, ...] = ()


def _case(name: str, expected: str, source: str, **more: object) -> Case:
    return Case(name, expected, dedent(source).strip() + "\n", **more)  # type: ignore[arg-type]


_HUB = ("huggingface.co",)

CASES: tuple[Case, ...] = (
    # --- models that are not there -------------------------------------------------------------
    _case(
        "tokenizer",
        "missing_model",
        """
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained("google-bert/bert-base-uncased")
    """,
        asked=_HUB,
    ),
    _case(
        "model_by_variable",
        "missing_model",
        """
        from transformers import AutoModelForSequenceClassification
        MODEL_NAME = "microsoft/deberta-v3-base"
        model = AutoModelForSequenceClassification.from_pretrained(MODEL_NAME, num_labels=3)
    """,
        asked=_HUB,
    ),
    _case(
        "model_by_config_object",
        "missing_model",
        """
        from transformers import AutoConfig
        class CFG:
            model = "bert-base-cased"
            folds = 5
        config = AutoConfig.from_pretrained(
            CFG.model,
            output_hidden_states=True,
        )
    """,
        asked=_HUB,
    ),
    _case(
        "bert_class",
        "missing_model",
        """
        from transformers import BertModel
        BertModel.from_pretrained("bert-base-uncased")
    """,
        asked=_HUB,
    ),
    _case(
        "pipeline",
        "missing_model",
        """
        from transformers import pipeline
        classifier = pipeline("text-classification", model="distilbert/distilbert-base-uncased-finetuned-sst-2-english")
    """,
        asked=_HUB,
    ),
    _case(
        "pipeline_default",
        "missing_model",
        """
        from transformers import pipeline
        classifier = pipeline("sentiment-analysis")
    """,
        asked=_HUB,
    ),
    _case(
        "hub_file",
        "missing_model",
        """
        from huggingface_hub import hf_hub_download
        path = hf_hub_download(repo_id="sentence-transformers/all-MiniLM-L6-v2", filename="model.safetensors")
    """,
        asked=_HUB,
    ),
    _case(
        "hub_snapshot",
        "missing_model",
        """
        from huggingface_hub import snapshot_download
        snapshot_download("BAAI/bge-small-en-v1.5")
    """,
        asked=_HUB,
    ),
    _case(
        "offline_variable",
        "missing_model",
        """
        import huggingface_hub.constants as c
        c.HF_HUB_OFFLINE = True
        try:
            from transformers import AutoModel
            AutoModel.from_pretrained("google-bert/bert-base-uncased")
        finally:
            c.HF_HUB_OFFLINE = False
    """,
    ),
    _case(
        "local_files_only",
        "missing_model",
        """
        from transformers import AutoModel
        AutoModel.from_pretrained("google-bert/bert-base-uncased", local_files_only=True)
    """,
    ),
    _case(
        "torch_hub",
        "missing_model",
        """
        import torch
        torch.hub.load("pytorch/vision:v0.20.0", "resnet18", weights=None)
    """,
        asked=("github.com",),
    ),
    _case(
        "torch_hub_weights",
        "missing_model",
        """
        import torch
        torch.hub.load_state_dict_from_url("https://download.pytorch.org/models/resnet18-f37072fd.pth")
    """,
        asked=("download.pytorch.org",),
    ),
    # --- other wishes for the network ------------------------------------------------------------
    _case(
        "requests",
        "network_need",
        """
        import requests
        requests.get("https://api.example.com/v1/rates", timeout=5)
    """,
        asked=("api.example.com",),
    ),
    _case(
        "urllib",
        "network_need",
        """
        import urllib.request
        urllib.request.urlretrieve("https://example.com/words.txt", "words.txt")
    """,
        asked=("example.com",),
    ),
    _case(
        "pandas_url",
        "network_need",
        """
        import pandas as pd
        pd.read_csv("https://raw.githubusercontent.com/mwaskom/seaborn-data/master/iris.csv")
    """,
        asked=("raw.githubusercontent.com",),
    ),
    _case(
        "httpx",
        "network_need",
        """
        import httpx
        httpx.get("https://example.org/")
    """,
        asked=("example.org",),
    ),
    _case(
        "socket_name",
        "network_need",
        """
        import socket
        socket.create_connection(("example.com", 80), timeout=3)
    """,
        asked=("example.com",),
    ),
    _case(
        "socket_address",
        "network_need",
        """
        import socket
        socket.create_connection(("8.8.8.8", 53), timeout=3)
    """,
    ),
    _case(
        "udp",
        "network_need",
        """
        import socket
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("203.0.113.7", 9999))
    """,
    ),
    _case(
        "ipv6",
        "network_need",
        """
        import socket
        socket.create_connection(("2001:4860:4860::8888", 53), timeout=3)
    """,
    ),
    _case(
        "pip_checked",
        "network_need",
        """
        import subprocess, sys
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--retries", "0", "einops"], check=True)
    """,
        asked=("packages.example.org",),
    ),
    _case(
        "urllib3",
        "network_need",
        """
        import urllib3
        urllib3.PoolManager(retries=False).request("GET", "https://example.net/a")
    """,
        asked=("example.net",),
    ),
    # --- files of the input ----------------------------------------------------------------------
    _case(
        "read_csv",
        "missing_input",
        """
        import pandas as pd
        train = pd.read_csv("/kaggle/input/titanic/train.csv")
    """,
    ),
    _case(
        "relative_input",
        "missing_input",
        """
        with open("../input/titanic/gender.csv") as file:
            print(file.read())
    """,
    ),
    _case(
        "listdir",
        "missing_input",
        """
        import os
        os.listdir("/kaggle/input/my-weights")
    """,
    ),
    _case(
        "wrong_case",
        "missing_input",
        """
        import pandas as pd
        pd.read_csv("/kaggle/input/competitions/toxic/Test.csv")
    """,
    ),
    _case(
        "numpy_load",
        "missing_input",
        """
        import numpy as np
        np.load("/kaggle/input/datasets/somebody/features/x.npy")
    """,
    ),
    _case(
        "torch_load",
        "missing_input",
        """
        import torch
        from pathlib import Path
        torch.load(Path("/kaggle/input") / "weights" / "fold0.pth")
    """,
    ),
    _case(
        "model_folder_missing",
        "missing_input",
        """
        from transformers import AutoTokenizer
        AutoTokenizer.from_pretrained("/kaggle/input/bert-base-uncased")
    """,
    ),
    _case(
        "model_folder_relative",
        "missing_input",
        """
        from transformers import AutoConfig
        AutoConfig.from_pretrained("../input/bert-base-uncased")
    """,
    ),
    _case(
        "model_folder_without_config",
        "missing_input",
        """
        from transformers import AutoModel
        AutoModel.from_pretrained("/kaggle/input/competitions/toxic")
    """,
    ),
    _case(
        "safetensors_missing",
        "missing_input",
        """
        from safetensors.torch import load_file
        load_file("/kaggle/input/models/a/b/pytorch/default/1/model.safetensors")
    """,
    ),
    _case(
        "write_input",
        "read_only_input",
        """
        import pandas as pd
        pd.DataFrame({"a": [1]}).to_csv("/kaggle/input/competitions/toxic/out.csv")
    """,
    ),
    _case(
        "mkdir_input",
        "read_only_input",
        """
        import os
        os.makedirs("/kaggle/input/competitions/toxic/cache")
    """,
    ),
    _case(
        "remove_input",
        "read_only_input",
        """
        import os
        os.remove("../input/competitions/toxic/test.csv")
    """,
    ),
    _case(
        "shutil_input",
        "read_only_input",
        """
        import shutil
        shutil.copy("/etc/hostname", "/kaggle/input/competitions/toxic/hostname")
    """,
    ),
    # --- disk --------------------------------------------------------------------------------------
    _case(
        "disk_write",
        "disk_full",
        """
        with open("/kaggle/working/big.bin", "wb") as file:
            for _ in range(64):
                file.write(b"x" * 2**20)
    """,
    ),
    _case(
        "disk_numpy",
        "disk_full",
        """
        import numpy as np
        np.save("/kaggle/working/big.npy", np.zeros(10_000_000))
    """,
    ),
    _case(
        "disk_to_csv",
        "disk_full",
        """
        import pandas as pd
        import numpy as np
        pd.DataFrame(np.random.rand(500_000, 3)).to_csv("submission.csv")
    """,
    ),
    _case(
        "disk_torch",
        "disk_full",
        """
        import torch
        torch.save(torch.zeros(20_000_000), "/kaggle/working/model.pt")
    """,
    ),
    _case(
        "disk_safetensors",
        "disk_full",
        """
        import torch
        from safetensors.torch import save_file
        save_file({"a": torch.zeros(20_000_000)}, "/kaggle/working/model.safetensors")
    """,
    ),
    # --- packages ----------------------------------------------------------------------------------
    _case(
        "import",
        "missing_package",
        """
        import timm
    """,
    ),
    _case(
        "import_from",
        "missing_package",
        """
        from sentence_transformers import SentenceTransformer
    """,
    ),
    _case(
        "import_dotted",
        "missing_package",
        """
        import sklearn.model_selection
    """,
    ),
    _case(
        "namespace",
        "missing_package",
        """
        from google.cloud import bigquery
    """,
    ),
    _case(
        "requires_backend",
        "missing_package",
        """
        from transformers.utils import requires_backends
        class TimmBackbone: ...
        requires_backends(TimmBackbone, ["timm"])
    """,
    ),
    _case(
        "optional_dependency",
        "missing_package",
        """
        import pandas as pd
        pd.DataFrame({"a": [1]}).to_parquet("a.parquet")
    """,
    ),
    _case(
        "distribution",
        "missing_package",
        """
        import importlib.metadata
        importlib.metadata.version("flash-attn")
    """,
    ),
    _case(
        "excel",
        "missing_package",
        """
        import pandas as pd
        pd.DataFrame({"a": [1]}).to_excel("a.xlsx")
    """,
    ),
    # --- the cell's own text -----------------------------------------------------------------------
    _case(
        "syntax",
        "syntax_error",
        """
        def f(:
            return 1
    """,
    ),
    _case(
        "indentation",
        "syntax_error",
        """
        if True:
        print(1)
    """,
    ),
    _case(
        "unclosed",
        "syntax_error",
        """
        print("a"
    """,
    ),
    _case("tab", "syntax_error", "if True:\n        x = 1\n\ty = 2\n"),
    # --- ending on purpose ---------------------------------------------------------------------------
    _case(
        "exit_2",
        "system_exit",
        """
        import sys
        sys.exit(2)
    """,
    ),
    _case(
        "exit_text",
        "system_exit",
        """
        raise SystemExit("no data")
    """,
    ),
    _case(
        "exit_none",
        "system_exit",
        """
        raise SystemExit(None)
    """,
    ),
    # --- no GPU --------------------------------------------------------------------------------------
    _case(
        "to_cuda",
        "needs_gpu",
        """
        import torch
        x = torch.zeros(3).to("cuda")
    """,
    ),
    _case(
        "cuda_method",
        "needs_gpu",
        """
        import torch
        model = torch.nn.Linear(2, 2).cuda()
    """,
    ),
    _case(
        "to_cuda_cpu_profile",
        "needs_gpu",
        """
        import torch
        x = torch.zeros(3, device="cuda:0")
    """,
        gpu="none",
    ),
    _case(
        "assert_available",
        "needs_gpu",
        """
        import torch
        assert torch.cuda.is_available()
    """,
    ),
    _case(
        "assert_available_text",
        "needs_gpu",
        """
        import torch
        assert torch.cuda.is_available(), "turn the accelerator on"
    """,
    ),
    _case(
        "assert_count",
        "needs_gpu",
        """
        import torch
        n = torch.cuda.device_count()
        assert n == 2, f"{n} CUDA devices"
    """,
    ),
    _case(
        "device_name",
        "needs_gpu",
        """
        import torch
        print(torch.cuda.get_device_name(0))
    """,
    ),
    _case(
        "load_cuda_checkpoint",
        "needs_gpu",
        """
        import torch
        import torch.serialization as s
        s._get_restore_location(None)(torch.UntypedStorage(4), "cuda:0")
    """,
    ),
    _case(
        "nvidia_smi",
        "needs_gpu",
        """
        import subprocess
        subprocess.check_output(["nvidia-smi", "-L"])
    """,
    ),
    _case(
        "nvidia_smi_shell",
        "needs_gpu",
        """
        import subprocess
        subprocess.run("nvidia-smi -L", shell=True, check=True)
    """,
    ),
    _case(
        "own_words",
        "needs_gpu",
        """
        raise RuntimeError("no GPU found: this notebook needs a CUDA device")
    """,
    ),
    _case(
        "half_on_cpu",
        "exception",
        """
        import torch
        torch.linalg.inv(torch.ones(2, 2, dtype=torch.float16))
    """,
    ),
    _case(
        "nccl",
        "needs_gpu",
        """
        import torch.distributed as dist
        dist.init_process_group("nccl", init_method="tcp://127.0.0.1:29501", rank=0, world_size=1)
        dist.barrier()
    """,
    ),
    _case(
        "cuda_stream",
        "needs_gpu",
        """
        import torch
        torch.cuda.synchronize()
    """,
    ),
    _case(
        "own_check",
        "needs_gpu",
        """
        import torch
        if not torch.cuda.is_available():
            raise RuntimeError("CUDA is not available")
    """,
    ),
    _case(
        "device_map",
        "needs_gpu",
        """
        import torch
        with torch.device("cuda"):
            torch.nn.Linear(2, 2)
    """,
    ),
    # --- processes -----------------------------------------------------------------------------------
    _case(
        "fork_limit",
        "process_limit",
        """
        import os, resource
        resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
        os.fork()
    """,
    ),
    _case(
        "subprocess_limit",
        "process_limit",
        """
        import subprocess, resource
        resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
        subprocess.run(["true"], check=True)
    """,
    ),
    _case(
        "thread_limit",
        "process_limit",
        """
        import threading, resource
        resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
        threading.Thread(target=print).start()
    """,
    ),
    _case(
        "pool_limit",
        "process_limit",
        """
        import multiprocessing, resource
        resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
        multiprocessing.get_context("fork").Pool(4)
    """,
    ),
    # --- must not match: looks like one of the above and is not ----------------------------------------
    _case("division", "exception", "1 / 0"),
    _case(
        "own_connection_error",
        "exception",
        """
        raise ConnectionError("the database says no")
    """,
    ),
    _case(
        "loopback_refused",
        "exception",
        """
        import socket
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    """,
    ),
    _case(
        "loopback_http",
        "exception",
        """
        import requests
        requests.get("http://localhost:8123/health")
    """,
    ),
    _case(
        "timeout_of_a_queue",
        "exception",
        """
        import concurrent.futures
        concurrent.futures.Future().result(timeout=0.01)
    """,
    ),
    _case(
        "words_about_network",
        "exception",
        """
        raise ValueError("cannot reach https://example.com: Temporary failure is assumed")
    """,
    ),
    _case(
        "message_with_url",
        "exception",
        """
        raise KeyError("see https://huggingface.co/docs for help")
    """,
    ),
    _case(
        "wrong_argument_of_from_pretrained",
        "exception",
        """
        from transformers import BertConfig, BertModel
        BertModel(BertConfig(hidden_size=10, num_attention_heads=3))
    """,
    ),
    _case(
        "working_file_missing",
        "exception",
        """
        open("/kaggle/working/features.pkl", "rb")
    """,
    ),
    _case(
        "temporary_file_missing",
        "exception",
        """
        open("/tmp/features.pkl", "rb")
    """,
    ),
    _case(
        "input_named_in_text",
        "exception",
        """
        raise ValueError("/kaggle/input/titanic/train.csv has 3 columns, not 4")
    """,
    ),
    _case(
        "not_a_directory",
        "exception",
        """
        open("/etc/hostname/x")
    """,
    ),
    _case(
        "glob_finds_nothing",
        "exception",
        """
        import glob
        glob.glob("/kaggle/input/titanic/*.csv")[0]
    """,
    ),
    _case(
        "read_only_system",
        "exception",
        """
        open("/usr/new-file", "w")
    """,
    ),
    _case(
        "no_permission",
        "exception",
        """
        open("/proc/1/mem", "rb").read(1)
    """,
    ),
    _case(
        "shm_full",
        "exception",
        """
        with open("/dev/shm/block", "wb") as file:
            for _ in range(64):
                file.write(bytes(2**20))
    """,
    ),
    _case(
        "run_from_input",
        "exception",
        """
        import subprocess
        subprocess.run(["/kaggle/input/competitions/toxic/tool.sh"], check=True)
    """,
    ),
    _case(
        "own_no_space",
        "exception",
        """
        raise ValueError("No space left on device for this strategy")
    """,
    ),
    _case(
        "inotify_enospc",
        "exception",
        """
        import errno
        raise OSError(errno.ENOSPC, "inotify watch limit reached")
    """,
    ),
    _case(
        "own_import_error",
        "exception",
        """
        raise ImportError("wrong version of the solution")
    """,
    ),
    _case(
        "cannot_import_name",
        "exception",
        """
        from transformers import AdamW
    """,
    ),
    _case(
        "missing_submodule",
        "exception",
        """
        import numpy.no_such_part
    """,
    ),
    _case(
        "attribute",
        "exception",
        """
        import numpy as np
        np.float(1)
    """,
    ),
    _case(
        "eval_syntax",
        "exception",
        """
        eval("1 +")
    """,
    ),
    _case(
        "query_syntax",
        "exception",
        """
        import pandas as pd
        pd.DataFrame({"a": [1]}).query("a >")
    """,
    ),
    _case(
        "import_of_broken_module",
        "exception",
        """
        with open("broken_module.py", "w") as file:
            file.write("def f(:\\n")
        import broken_module
    """,
    ),
    _case(
        "literal_syntax",
        "exception",
        """
        import ast
        ast.literal_eval("[1, 2")
    """,
    ),
    _case(
        "plain_assert",
        "exception",
        """
        scores = {"cuda": 3}
        assert scores["cuda"] == 4
    """,
    ),
    _case(
        "assert_on_data",
        "exception",
        """
        import torch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        x = torch.zeros(2, device=device)
        assert x.sum() > 0, "the sum is zero"
    """,
    ),
    _case(
        "words_about_cuda",
        "exception",
        """
        raise ValueError("the column 'CUDA cores' is empty")
    """,
    ),
    _case(
        "own_memory_error",
        "exception",
        """
        raise MemoryError("batch too large")
    """,
    ),
    _case(
        "numpy_memory_error",
        "exception",
        """
        import numpy as np
        np.empty((10**8, 10**8))
    """,
    ),
    _case(
        "socket_would_block",
        "exception",
        """
        import socket
        a, b = socket.socketpair()
        a.setblocking(False)
        a.recv(1)
    """,
    ),
    _case(
        "lock_would_block",
        "exception",
        """
        import fcntl
        a, b = open("lock", "w"), open("lock", "w")
        fcntl.flock(a, fcntl.LOCK_EX)
        fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    """,
    ),
    _case(
        "command_failed",
        "exception",
        """
        import subprocess
        subprocess.run(["false"], check=True)
    """,
    ),
    _case(
        "program_missing",
        "exception",
        """
        import subprocess
        subprocess.run(["ffmpeg", "-version"], check=True)
    """,
    ),
    _case(
        "swallowed_then_other",
        "exception",
        """
        import urllib.request
        try:
            urllib.request.urlopen("https://example.com/")
        except OSError:
            pass
        {}["x"]
    """,
        asked=("example.com",),
    ),
    _case(
        "torch_shape",
        "exception",
        """
        import torch
        torch.nn.Linear(2, 2)(torch.zeros(1, 3))
    """,
    ),
    _case(
        "words_about_gpu",
        "exception",
        """
        raise RuntimeError("the GPU feature has 3 values")
    """,
    ),
    _case(
        "bad_dtype",
        "exception",
        """
        import torch
        torch.zeros(2) @ torch.zeros(3)
    """,
    ),
    _case(
        "in_a_pool",
        "exception",
        """
        from concurrent.futures import ProcessPoolExecutor
        import multiprocessing
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            pool.submit(int, "x").result()
    """,
    ),
    _case(
        "escape_sequences",
        "exception",
        r"""
        raise ValueError("\x1b[31mred\x1b[0m \x07 \x1b]0;title\x07 \u202e end")
    """,
    ),
    _case(
        "keyboard_interrupt",
        "exception",
        """
        raise KeyboardInterrupt
    """,
    ),
)
