# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Configure and build one of the presets of CMakePresets.json; each builds in build/<preset>.

AXVM_BUILD_PACKAGES=(cmake ninja-build gcc libc6-dev)

# build_preset PRESET [CMAKE ARGS]: with libfdt's source at hand, and with output only when it fails.
build_preset() {
    local preset=$1 libfdt
    shift
    libfdt=$(fetch_libfdt)
    say "building $preset"
    with_lock "$preset" build_preset_locked "$preset" -DAXVM_LIBFDT_SOURCE_DIR="$libfdt" "$@" ||
        die "could not build $preset" "What the compiler said is above."
}

# cmake finds its presets in the current directory only.
build_preset_locked() {
    local preset=$1
    shift
    (
        cd "$AXVM_ROOT" &&
            quietly "$AXVM_BUILD/logs/configure-$preset.log" cmake --preset "$preset" "$@" &&
            quietly "$AXVM_BUILD/logs/build-$preset.log" cmake --build "$AXVM_BUILD/$preset"
    )
}
