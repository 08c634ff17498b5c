# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# libfdt's own source, which the freestanding build compiles with our flags (-DAXVM_LIBFDT_SOURCE_DIR). From Debian's
# source package: only the upstream tarball is wanted of it.

AXVM_LIBFDT_SUITE=trixie
AXVM_LIBFDT_TARBALL=device-tree-compiler_1.7.2.orig.tar.xz
AXVM_LIBFDT_SHA256=92d8ca769805ae1f176204230438fe52808f4e1c7944053c9eec0e649b237539

# Download and unpack into $AXVM_BUILD/libfdt. Complete or absent: it is renamed into place.
fetch_libfdt_locked() {
    local arch state tarball part=$AXVM_BUILD/libfdt.part
    [[ -e $AXVM_BUILD/libfdt/libfdt.h ]] && return 0
    say "fetching libfdt's source (170 kB)"
    arch=$(dpkg --print-architecture)
    state=$AXVM_BUILD/apt/$AXVM_LIBFDT_SUITE-$arch
    debian_update "$arch" "$AXVM_LIBFDT_SUITE"
    rm -rf "$part" "$AXVM_BUILD/libfdt"
    mkdir -p "$part/download" "$part/unpacked"
    # apt reports an error for the Debian-specific tarball, which some mirrors lack and we do not need: what counts is
    # the digest of the other one.
    (cd "$part/download" && debian_apt "$AXVM_LIBFDT_SUITE" "$arch" apt-get -q source --download-only \
        --only-source device-tree-compiler) >"$AXVM_BUILD/logs/libfdt.log" 2>&1 </dev/null || true
    tarball=$part/download/$AXVM_LIBFDT_TARBALL
    [[ -e $tarball ]] || die "could not download libfdt's source" "See $AXVM_BUILD/logs/libfdt.log" \
        "Or give cmake a directory that holds it: -DAXVM_LIBFDT_SOURCE_DIR=DIR"
    sha256sum --check --quiet <<<"$AXVM_LIBFDT_SHA256  $tarball" >&2 ||
        die "libfdt's source is not the one we know: $tarball"
    tar -xf "$tarball" -C "$part/unpacked" --strip-components=2 --wildcards '*/libfdt/*'
    [[ -e $part/unpacked/libfdt.h ]] || die "no libfdt in $tarball"
    mv "$part/unpacked" "$AXVM_BUILD/libfdt"
    rm -rf "$part" "${state:?}"
}

# Print the directory that holds libfdt.h and its sources, after fetching it if need be.
fetch_libfdt() {
    if [[ ! -e $AXVM_BUILD/libfdt/libfdt.h ]]; then
        need_packages debian-archive-keyring xz-utils >&2
        with_lock fetch fetch_libfdt_locked >&2
    fi
    printf '%s\n' "$AXVM_BUILD/libfdt"
}
