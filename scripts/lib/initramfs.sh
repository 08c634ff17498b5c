# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The guest's initramfs: busybox, and lib/guest-init as its /init. No root needed, and the same bytes every time.

# make_initramfs BUSYBOX OUTPUT: unless OUTPUT is newer than what it is made of.
make_initramfs() {
    local busybox=$1 out=$2 init=$AXVM_LIB/guest-init root
    [[ $out -nt $busybox && $out -nt $init && $out -nt ${BASH_SOURCE[0]} ]] && return 0
    say "making the initramfs ${out#"$AXVM_ROOT"/}"
    root=$out.root
    rm -rf "$root"
    # Mount points and links only: devices appear when /init mounts devtmpfs, so nothing here needs mknod.
    mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
    install -m 755 "$busybox" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    install -m 755 "$init" "$root/init"
    find "$root" -exec touch -h -d @0 {} +
    (cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0) | gzip -9n >"$out.part"
    mv "$out.part" "$out"
    rm -rf "$root"
}
