"""Exceptions for want of the network: a model of a hub, or anything else from outside."""

from __future__ import annotations

import re

from harness.judge.failure import Failure
from harness.judge.frames import (
    cell_failing_lines,
    cell_lines,
    failing_lines,
    passes_through,
)

_HUB_PACKAGES = (
    "huggingface_hub",
    "transformers",
    "sentence_transformers",
    "diffusers",
    "timm",
    "peft",
)
# What transformers 5.0.0 and huggingface_hub 1.11.0 say when the hub is out of reach and nothing
# is cached. Source: tests/recorded, and transformers/utils/hub.py, read 2026-11.
_HUB_OUT_OF_REACH = re.compile(
    r"We couldn't connect to 'https?://"
    r"|LocalEntryNotFoundError|OfflineModeIsEnabled|offline mode is enabled"
    r"|outgoing traffic has been disabled|cannot find the (?:requested files|appropriate snapshot)"
    r"|Can't load (?:the )?(?:configuration|model|tokenizer|image processor|feature extractor"
    r"|processor)\w* (?:of|for) '"
    r"|Cannot send a request, as the client has been closed"
)
_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Could not resolve host"
    r"|\[Errno 101\] Network is unreachable|\[Errno 113\] No route to host|os error 101\b"
    r"|No address associated with hostname|Failed to resolve '|\bgaierror\b"
    # Source: Kaggle/docker-python, patches/kaggle_web_client.py, read 2026-11.
    r"|Connection error trying to communicate with service|turn on the internet"
)
# What connecting says where lo has no address of the other's family, as IPv6 in a container.
_NO_OWN_ADDRESS = re.compile(r"\[Errno 99\] Cannot assign requested address")
_CONNECTS = re.compile(r"\b(?:connect(?:_ex)?|create_connection|sendto)\(")
_NETWORK_ERROR = re.compile(
    r"Connect|Timeout|TimedOut|Network|Resolution|URLError|HTTPError|Endpoint|Download|SSLError"
    r"|CommError|gaierror|Unreachable|Transport|ProxyError|RetryError"
)
_NETWORK_PROGRAM = re.compile(
    r"Command .*\b(?:pip3?|uv|conda|mamba|git|curl|wget|apt|apt-get|npm|aria2c|kaggle|gsutil|aws)\b"
)
_OTHER_MODELS = re.compile(
    r"\[E050\] Can't find model '"  # spaCy 3
    r"|Please use the NLTK Downloader to obtain the resource"  # nltk 3
    r"|URL fetch failure on https?://\S*keras"  # keras 3
)

_ID = r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?"
_ID_IN_VALUE = (
    re.compile(rf"Can't load [^']*'({_ID})'"),
    re.compile(rf"\[E050\] Can't find model '({_ID})'"),
    re.compile(rf"Resource '?({_ID})'? not found"),
    re.compile(rf"https?://huggingface\.co/(?:api/models/)?({_ID})/(?:resolve|revision|tree)/"),
)
_CALLS = (
    r"(?:from_pretrained|SentenceTransformer|CrossEncoder|hf_hub_download|snapshot_download"
    r"|create_model|pipeline|load_model|torch\.hub\.load|load_state_dict_from_url)"
)
_LITERAL = rf"""["']({_ID}|https?://[^"']+|hf[-_]hub:{_ID})["']"""
_NAMED = r"(?:repo_id|model|model_name|model_id|pretrained_model_name_or_path|model_name_or_path)"
_CALL_NAMED = re.compile(rf"{_CALLS}\s*\([^#]*?\b{_NAMED}\s*=\s*{_LITERAL}", re.DOTALL)
_CALL_LITERAL = re.compile(rf"{_CALLS}\s*\(\s*{_LITERAL}")
_CALL_VARIABLE = re.compile(rf"{_CALLS}\s*\(\s*(?:{_NAMED}\s*=\s*)?([A-Za-z_][\w.]*)\s*[,)]")
_CALL_NAMED_VARIABLE = re.compile(
    rf"{_CALLS}\s*\([^#]*?\b{_NAMED}\s*=\s*([A-Za-z_][\w.]*)\s*[,)]", re.DOTALL
)


def missing_model(failure: Failure) -> str | None:
    """Evidence: a hub's own words that it is out of reach, or a dead connection inside its code.

    Not: any exception of transformers (a wrong argument, say), nor a path under /kaggle/input.
    """
    if failure.input_path() is not None:
        return None
    text = failure.messages
    in_hub = passes_through(text, *_HUB_PACKAGES)
    unreachable = _HUB_OUT_OF_REACH.search(text) or _NO_NETWORK.search(text)
    in_torch_hub = "/torch/hub.py" in text and _NO_NETWORK.search(text)
    if not (in_hub and unreachable) and not in_torch_hub and not _OTHER_MODELS.search(text):
        return None
    model = model_of(failure)
    what = f"the model {model}" if model else "a model"
    return f"{failure.where} loads {what} from {_host(failure) or 'a hub'}, which is out of reach."


def network_need(failure: Failure) -> str | None:
    """Evidence: a name or a route is missing, says the exception or one that it follows from.

    Or it is a connection error, or a failed network program, while the cell asked for a name.

    Not: a refused connection on this machine, nor a time-out, when no name was asked for.
    """
    asked = bool(failure.asked)
    connects = any(_CONNECTS.search(line) for line in failing_lines(failure.traceback))
    if not (
        _NO_NETWORK.search(failure.messages)
        or (connects and _NO_OWN_ADDRESS.search(failure.messages))
        or (asked and _NETWORK_ERROR.search(failure.error_name))
        or (asked and _NETWORK_PROGRAM.search(failure.error_value))
    ):
        return None
    host = _host(failure)
    return f"{failure.where} wants {host or 'a host'} on the network, and there is none."


def model_of(failure: Failure) -> str | None:
    """Find which model was to be loaded: in the exception, the traceback, the cells' code."""
    for pattern in _ID_IN_VALUE:
        if match := pattern.search(failure.error_value) or pattern.search(failure.traceback):
            return _clean(match.group(1))
    line = next(iter(cell_failing_lines(failure.traceback)), "")
    shown = "\n".join(cell_lines(failure.traceback))
    cell = failure.sources[-1] if failure.sources else ""
    for code in (line, shown, cell):
        if found := _model_in(code, "\n".join((*failure.sources, shown))):
            return found
    return None


def _model_in(code: str, everything: str) -> str | None:
    for pattern in (_CALL_LITERAL, _CALL_NAMED):
        # With a literal first argument `pipeline` names a task, so its model is looked for first.
        order = (_CALL_NAMED, _CALL_LITERAL) if "pipeline" in code else (pattern,)
        for each in order:
            if match := each.search(code):
                return _clean(match.group(1))
    for pattern in (_CALL_NAMED_VARIABLE, _CALL_VARIABLE):
        for match in pattern.finditer(code):
            if value := _assigned(match.group(1), everything):
                return value
    return None


def _assigned(name: str, code: str) -> str | None:
    """The last string that the code gives to a variable, attribute or key of this name."""
    last = re.escape(name.rsplit(".", 1)[-1])
    found = re.findall(rf"""(?<![\w]){last}["']?\s*(?::\s*str\s*)?[=:]\s*{_LITERAL}""", code)
    return _clean(found[-1]) if found else None


def _clean(name: str) -> str:
    return re.sub(r"^hf[-_]hub:", "", name)


def _host(failure: Failure) -> str | None:
    """The host that was wanted: what the sandbox's name server heard, else what the text names."""
    if failure.asked:
        return ", ".join(failure.asked)
    for pattern in (
        r"Failed to resolve '([^']+)'",
        r"host='([^']+)'",
        r"Could not resolve host: (\S+)",
        r"couldn't connect to 'https?://([^/']+)",
    ):
        if match := re.search(pattern, failure.messages):
            return match.group(1)
    if passes_through(failure.messages, "huggingface_hub"):
        return "huggingface.co"
    lines = "\n".join(cell_lines(failure.traceback))
    match = re.search(r"https?://([\w.-]+)", f"{failure.error_value}\n{lines}")
    return match.group(1) if match else None
