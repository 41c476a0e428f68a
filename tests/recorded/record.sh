#!/bin/bash
# Print the texts of `cases.py` as JSON: MIRROR is a virtual environment with Kaggle's pins whose
# Python the caller can read. With KERNEL, another virtual environment brings kernel and nbclient,
# and borrows the libraries of MIRROR. Needs bubblewrap and user namespaces.
set -euo pipefail
mirror=${1:?usage: record.sh MIRROR [KERNEL]}
kernel=${2:-$mirror}
here=$(cd "$(dirname "$0")" && pwd)
python=$(dirname "$(dirname "$(readlink -f "$mirror/bin/python")")")
interpreter=()
[[ $python == /usr ]] || interpreter=(--ro-bind "$python" "$python")
borrowed=
[[ $kernel == "$mirror" ]] || borrowed=$(cd "$mirror" && echo lib/python3.*/site-packages)
[[ -z $borrowed ]] || borrowed=/opt/borrowed/$borrowed
input=$(mktemp -d)
trap 'rm -rf "$input"' EXIT
mkdir -p "$input/competitions/toxic"
printf '#!/bin/sh\n' > "$input/competitions/toxic/tool.sh"
printf 'id,text\n1,a\n' > "$input/competitions/toxic/test.csv"
bwrap --unshare-all --die-with-parent --uid 0 --gid 0 --hostname localhost --clearenv \
    --setenv PATH /opt/mirror/bin:/usr/bin:/bin --setenv HOME /root --setenv LANG C.UTF-8 --setenv BORROWED "$borrowed" \
    --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin \
    "${interpreter[@]}" --ro-bind "$kernel" /opt/mirror --ro-bind "$mirror" /opt/borrowed --proc /proc --dev /dev --tmpfs /tmp \
    --dir /root --dir /etc --ro-bind-data 9 /etc/resolv.conf --ro-bind /etc/passwd /etc/passwd \
    --ro-bind /etc/hostname /etc/hostname --ro-bind-data 8 /etc/hosts \
    --ro-bind "$input" /kaggle/input --size 8388608 --tmpfs /dev/shm --size 8388608 --tmpfs /kaggle/working --chdir /kaggle/working \
    --ro-bind "$here" /recorded \
    /opt/mirror/bin/python -B -W ignore /recorded/record.py \
    9< <(printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n') \
    8< <(printf '127.0.0.1 localhost\n::1 localhost\n')
