#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# deps.sh build|fast|xen: makes sure that the Debian packages are there which that needs; as root it installs them,
# otherwise it says which are missing.
set -euo pipefail

build=(gcc make pkg-config libxen-dev libyajl-dev libxxhash-dev libinih-dev uuid-dev perl)
fast=("${build[@]}" patch clang xen-utils-4.17 qemu-system-x86 qemu-utils universal-ctags shellcheck python3 e2fsprogs procps)
xen=("${build[@]}" mmdebstrap python3 qemu-system-x86 qemu-utils e2fsprogs cpio fakeroot busybox-static openssh-client xz-utils procps
    kmod libc6-dev)

# The programs that the emulated machine runs are built here, so both are of one release.
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
if [ "$suite" != bookworm ]; then
    echo "this is $suite; the tests are for Debian 12 (bookworm), whose Xen 4.17 they build against" >&2
    exit 1
fi

case ${1:-} in
    build) wanted=("${build[@]}") ;;
    fast) wanted=("${fast[@]}") ;;
    xen) wanted=("${xen[@]}") ;;
    *) echo "usage: deps.sh build|fast|xen" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "missing packages; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    exit 1
}
rm -f "$log"
