# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Packages of another architecture or suite, downloaded without being installed: with an apt state of our own under
# build/apt, so that the machine's sources and package lists stay as they are. apt checks signatures and hashes as ever.

AXVM_DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

# The archives that this machine takes Debian from, one URI a line, likeliest first. apt itself reads its configuration
# here, whatever the format, so mirrors, proxies and credentials are the machine's own.
debian_mirrors() {
    local codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016 # apt expands these
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v codename="${codename:--}" '
            $2 == "main" && !seen[$3]++ {
                if ($1 == codename) first = first $3 "\n"
                else if ($1 ~ /^(bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)$/) second = second $3 "\n"
            }
            END { printf "%s%s", first, second }'
}

# debian_apt SUITE ARCH COMMAND...: run an apt tool (or a function) on that suite and architecture.
debian_apt() {
    local state=$AXVM_BUILD/apt/$1-$2
    shift 2
    APT_CONFIG=$state/apt.conf "$@"
}

# Write the apt configuration of a state directory.
debian_apt_config() {
    local state=$1 suite=$2 arch=$3 mirror=$4 options="signed-by=$AXVM_DEBIAN_KEYS"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    : >"$state/status"
    {
        printf 'deb [arch=%s %s] %s %s main\n' "$arch" "$options" "$mirror" "$suite"
        printf 'deb-src [%s] %s %s main\n' "$options" "$mirror" "$suite"
    } >"$state/sources.list"
    # The sandbox user could not reach into a checkout in somebody's home directory; it only matters to root.
    cat >"$state/apt.conf" <<EOF
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
EOF
}

# debian_try_update SUITE ARCH: fetch the package lists, from the first of the machine's mirrors that has them. Status 1 if none has.
debian_try_update() {
    local suite=$1 arch=$2 mirror state=$AXVM_BUILD/apt/$1-$2
    local log=$AXVM_BUILD/logs/apt-$suite-$arch.log
    [[ -r $AXVM_DEBIAN_KEYS ]] || die "$AXVM_DEBIAN_KEYS is missing" "As root: apt-get install debian-archive-keyring"
    [[ $AXVM_ROOT != *[[:space:]\"]* ]] || die "apt cannot work in a directory with spaces or quotes in its name: $AXVM_ROOT"
    mkdir -p "$AXVM_BUILD/logs"
    : >"$log"
    while read -r mirror; do
        debian_apt_config "$state" "$suite" "$arch" "$mirror"
        # Error-Mode any: without it a mirror that cannot be reached is a warning only.
        if debian_apt "$suite" "$arch" apt-get -o APT::Update::Error-Mode=any update >>"$log" 2>&1 </dev/null; then
            return 0
        fi
    done < <(debian_mirrors)
    return 1
}

# debian_update ARCH SUITE...: the package lists of the first suite that a mirror has whole; its name is in debian_suite. Mirrors
# are out of step with themselves at times, for one suite and architecture, for hours.
debian_update() {
    local arch=$1 log
    shift
    for debian_suite in "$@"; do
        debian_try_update "$debian_suite" "$arch" && return 0
        log=$AXVM_BUILD/logs/apt-$debian_suite-$arch.log
        say "no mirror has the package lists of $debian_suite for $arch whole at present"
    done
    tail -n 20 "$log" >&2
    die "no mirror of Debian's archive gave the package lists of $* for $arch" \
        "The mirrors are those of /etc/apt/sources.list and /etc/apt/sources.list.d: is there one with component main?" \
        "The whole output is in $log"
}

# debian_depends SUITE ARCH PACKAGE PREFIX: print the first package it depends on whose name begins so; nothing if there is none.
debian_depends() {
    debian_apt "$1" "$2" apt-cache depends --important "$3" |
        awk -v prefix="$4" '$1 == "Depends:" && index($2, prefix) == 1 { print $2; exit }'
}

# debian_resolve_kernel SUITE ARCH METAPACKAGE: print the package with the kernel's image that a metapackage leads to at present.
# Since Debian 14 linux-image-VERSION only depends on it, and it is linux-binary-VERSION.
debian_resolve_kernel() {
    local image binary
    image=$(debian_depends "$1" "$2" "$3" linux-image-)
    [[ $image ]] || die "$3 of $1 for $2 depends on no kernel; has Debian renamed it?"
    binary=$(debian_depends "$1" "$2" "$image" linux-binary-)
    printf '%s\n' "${binary:-$image}"
}

# debian_download SUITE ARCH DIR PACKAGE...: leave the .deb files in DIR.
debian_download() {
    local suite=$1 arch=$2 dir=$3
    shift 3
    (cd "$dir" && debian_apt "$suite" "$arch" quietly "$AXVM_BUILD/logs/apt-download-$arch.log" apt-get -q download "$@") ||
        die "could not download: $*" "Is the network up? Then run this again."
}
