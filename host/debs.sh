#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches Debian 13 packages for riscv64 and unpacks each into BUILD/debs/PACKAGE/.
#
#   host/debs.sh BUILD PACKAGE...     `linux` stands for the newest linux-image of riscv64
#   host/debs.sh BUILD --needed FOLDER PACKAGE...
#
# The second way fetches the packages and all that they depend on into FOLDER, as archives, and
# prints the paths of these; those that FOLDER has are not fetched again.
#
# A package that is there is not fetched again. apt works on lists of its own in BUILD/debs/apt and
# checks their signature with the installed Debian keyring; the host's lists and packages are not
# touched, and root is not needed. RV_MIRROR names another mirror. One line and status 1 on failure.

set -u
debs=${1:?usage: debs.sh BUILD PACKAGE...}/debs
shift
apt=$debs/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
    echo "debs.sh: $*" >&2
    exit 1
}

configure() {
    [ -r $keyring ] || fail "no Debian keyring at $keyring (package debian-archive-keyring)"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" || exit 1
    : >"$apt/status"
    echo "deb [arch=riscv64 signed-by=$keyring] ${RV_MIRROR:-http://deb.debian.org/debian} trixie main" \
        >"$apt/sources.list"
    cat >"$apt/apt.conf" <<END
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "riscv64";
APT::Architectures { "riscv64"; };
APT::Sandbox::User "";
APT::Get::List-Cleanup "true";
Acquire::Languages "none";
Acquire::http::Timeout "20";
Acquire::Retries "1";
END
    export APT_CONFIG="$apt/apt.conf"
}

update() {
    [ -n "$(find "$apt/updated" -mtime -1 2>/dev/null)" ] && return
    apt-get -qq -o APT::Update::Error-Mode=any update >"$apt/log" 2>&1 ||
        fail "cannot fetch Debian's package lists: $(grep -m1 '^E:' "$apt/log")"
    touch "$apt/updated"
}

# fetch NAME PACKAGE: PACKAGE's files into $debs/NAME, complete or not at all.
fetch() {
    (cd "$apt/archives" && apt-get -qq download "$2") >"$apt/log" 2>&1 ||
        fail "cannot fetch $2: $(grep -m1 '^E:' "$apt/log")"
    rm -rf "$debs/$1.new"
    dpkg-deb -x "$apt/archives/$2"_*.deb "$debs/$1.new" || fail "cannot unpack $2"
    mv "$debs/$1.new" "$debs/$1"
    rm -f "$apt/archives/$2"_*.deb
}

# needed FOLDER PACKAGE...: what an installation of nothing else would take. It is not done.
needed() {
    folder=$1
    shift
    mkdir -p "$folder/partial" || exit 1
    set -- -o Debug::NoLocking=1 -o Dir::Cache::archives="$folder" -o APT::Immediate-Configure=0 \
        --no-install-recommends install "$@"
    apt-get -qq -y --download-only "$@" >"$apt/log" 2>&1 ||
        fail "cannot fetch the packages: $(grep -m1 '^E:' "$apt/log")"
    apt-get -qq -s "$@" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\(.*\)\]).*/\1_\2_\3.deb/p' |
        sed "s/:/%3a/; s|^|$folder/|"
}

if [ "${1:-}" = --needed ]; then
    shift
    configure
    update
    needed "$@"
    exit 0
fi
for name in "$@"; do
    [ -d "$debs/$name" ] && continue
    configure
    update
    package=$name
    if [ "$name" = linux ]; then
        package=$(apt-cache depends linux-image-riscv64 | sed -n 's/^ *Depends: //p' | head -n 1)
        [ -n "$package" ] || fail "Debian's lists have no linux-image-riscv64"
    fi
    fetch "$name" "$package"
done
