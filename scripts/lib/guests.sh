# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The guests that the demo and the system tests run: Debian's kernel and our initramfs, at names that do not change:
#     build/guests/<arch>/linux       the kernel's image, unmodified
#     build/guests/<arch>/busybox     statically linked
#     build/guests/<arch>/initrd.gz   made of busybox and lib/guest-init
# An arch-<arch>.sh says what Debian calls that architecture and where its kernel comes from.

# fetch_kernel_and_busybox ARCH: leave both in build/guests/<arch>. Complete or absent, each is renamed into place.
fetch_kernel_and_busybox() {
    local dir=$AXVM_BUILD/guests/$1 part kernel
    [[ -e $dir/linux && -e $dir/busybox ]] && return 0
    say "looking up Debian's kernel for $ARCH_DEBIAN_ARCH (${ARCH_KERNEL_SUITES[0]})"
    debian_update "$ARCH_DEBIAN_ARCH" "${ARCH_KERNEL_SUITES[@]}"
    kernel=$(debian_resolve_kernel "$debian_suite" "$ARCH_DEBIAN_ARCH" "$ARCH_KERNEL_PACKAGE")
    part=$dir/part
    rm -rf "$part"
    mkdir -p "$part/kernel" "$part/busybox"
    say "downloading $kernel and busybox-static (about $ARCH_KERNEL_DOWNLOAD)"
    debian_download "$debian_suite" "$ARCH_DEBIAN_ARCH" "$part" "$kernel" busybox-static
    # Of the kernel's package only the image: its modules are several hundred megabytes, and no check needs one.
    dpkg-deb --fsys-tarfile "$part/${kernel}"_*.deb |
        tar -x -C "$part/kernel" --wildcards './boot/vmlinu*' './usr/lib/modules/*/vmlinu*' 2>/dev/null || true
    dpkg-deb --fsys-tarfile "$part"/busybox-static_*.deb |
        tar -x -C "$part/busybox" --wildcards '*/bin/busybox'
    find "$part/busybox" -name busybox -type f -exec mv {} "$part/busybox.bin" \;
    printf '%s\n' "$kernel" >"$dir/linux.package"
    mv "$part/busybox.bin" "$dir/busybox"
    find "$part/kernel" -name 'vmlinu*' -type f -exec mv {} "$part/linux" \;
    [[ -e $part/linux ]] || die "there is no kernel image in $kernel"
    mv "$part/linux" "$dir/linux"
    rm -rf "$part" "${AXVM_BUILD:?}/apt/$debian_suite-$ARCH_DEBIAN_ARCH"
}

# fetch_guests ARCH: have all three files, with the initramfs made anew when its parts have changed.
fetch_guests() {
    local dir=$AXVM_BUILD/guests/$1
    need_packages debian-archive-keyring cpio gzip
    with_lock fetch fetch_kernel_and_busybox "$1"
    with_lock fetch make_initramfs "$dir/busybox" "$dir/initrd.gz"
}
