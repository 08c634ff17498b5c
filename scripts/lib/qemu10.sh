# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # ARCH_* are of arch-<arch>.sh
#
# QEMU 10 from bookworm-backports, beside the machine's own QEMU, which stays as it is: unpacked in build/qemu10/<arch>.
# What needs it: the AIA with IMSICs as Linux drives them, several CPUs under --icount.

AXVM_QEMU10_SUITE=bookworm-backports

# QEMU looks for its modules where the machine's own QEMU has its own, and complains about each. An emulated board without
# screen and sound needs none: this one looks elsewhere. Same length, as it is a string in the program.
AXVM_QEMU10_MODULES=/usr/lib/x86_64-linux-gnu/qemu
AXVM_QEMU10_NOWHERE=/nonexistent/qemu-10-modules//

# Complete or absent: it is renamed into place.
fetch_qemu10_locked() {
    local dir=$AXVM_BUILD/qemu10/$ARCH part=$AXVM_BUILD/qemu10/$ARCH.part deb arch
    [[ -e $dir/bin/$1 ]] && return 0
    arch=$(dpkg --print-architecture)
    [[ $arch == amd64 ]] || die "QEMU 10 is fetched for amd64 machines only" "Put one in $dir: bin/$1 and share/qemu."
    say "looking up QEMU 10 ($AXVM_QEMU10_SUITE)"
    debian_update "$arch" "$AXVM_QEMU10_SUITE"
    rm -rf "$part" "$dir"
    mkdir -p "$part/debs" "$part/root" "$part/done/bin"
    say "downloading ${ARCH_QEMU10_PACKAGES[*]} (about 10 MB)"
    debian_download "$AXVM_QEMU10_SUITE" "$arch" "$part/debs" "${ARCH_QEMU10_PACKAGES[@]}"
    for deb in "$part"/debs/*.deb; do
        dpkg-deb -x "$deb" "$part/root"
    done
    LC_ALL=C sed "s,$AXVM_QEMU10_MODULES\x00,$AXVM_QEMU10_NOWHERE\x00," "$part/root/usr/bin/$1" >"$part/done/bin/$1"
    chmod 755 "$part/done/bin/$1"
    # The firmware in share/qemu is links to lib.
    mv "$part/root/usr/share" "$part/root/usr/lib" "$part/done/"
    "$part/done/bin/$1" --version >/dev/null || die "QEMU 10 does not run here" "It is built for Debian 12."
    mv "$part/done" "$dir"
    rm -rf "$part" "$AXVM_BUILD/apt/$AXVM_QEMU10_SUITE-$arch"
}

# use_qemu10: make it ARCH_QEMU, after fetching it if need be; where its firmware is, in ARCH_QEMU_ARGS.
use_qemu10() {
    local name=${ARCH_QEMU##*/}
    ((${#ARCH_QEMU10_PACKAGES[@]} > 0)) || die "QEMU 10 is not used for $ARCH"
    need_packages debian-archive-keyring
    with_lock fetch fetch_qemu10_locked "$name"
    ARCH_QEMU=$AXVM_BUILD/qemu10/$ARCH/bin/$name
    ARCH_QEMU_ARGS=(-L "$AXVM_BUILD/qemu10/$ARCH/share/qemu")
}
