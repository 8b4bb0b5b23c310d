#!/bin/sh
# Install landfall: download a release for this machine, verify it, and put the program into a folder.
#
#   install.sh [--to DIR] [--version V] [--repository OWNER/NAME] [--from URL]
#
#   --to DIR                 where landfall goes (default: ~/.local/bin)
#   --version V              which release (default: the one this script comes with, or the newest)
#   --repository OWNER/NAME  whose releases on GitHub
#   --from URL               where the files of the release are, for a mirror: https:// or file://
#
# The archive is verified before anything in it is used: against the SHA-256 in this script, where it is the
# script of a release, else against the checksum file beside the archive; and with `gh attestation verify`
# where GitHub's command line is there and logged in. Needs tar, and curl or wget.
set -eu

# scripts/package fills these in, in the copy that is part of a release.
RELEASE_REPOSITORY=""
RELEASE_VERSION=""
RELEASE_CHECKSUMS=""

say() {
    printf 'install: %s\n' "$1" >&2
}

die() {
    printf 'install: error: %s\n' "$1" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# The Rust target of this machine.
target() {
    system=$(uname -s)
    machine=$(uname -m)
    case $system in
    Linux) system=unknown-linux-musl ;;
    Darwin)
        system=apple-darwin
        # Under Rosetta a process is told that the machine is an Intel one.
        if [ "$machine" = x86_64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || echo 0)" = 1 ]; then
            machine=arm64
        fi
        ;;
    *) die "there is no release for $system: build it with cargo" ;;
    esac
    case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) die "there is no release for a machine of kind $machine: build it with cargo" ;;
    esac
    printf '%s-%s\n' "$machine" "$system"
}

# fetch URL FILE: only over TLS, but for what is on this machine.
fetch() {
    case $1 in
    https://*) protocol=https ;;
    file://*) protocol="file" ;;
    http://127.0.0.1:* | http://localhost:*) protocol=http ;;
    *) die "$1 is neither https:// nor file://" ;;
    esac
    if [ "$protocol" = file ]; then
        cp "${1#file://}" "$2" 2>/dev/null
    elif have curl; then
        curl --fail --silent --show-error --location --retry 3 --proto "=$protocol" --output "$2" "$1"
    elif have wget; then
        wget -q -O "$2" "$1"
    else
        die "neither curl nor wget is installed"
    fi
}

sha256() {
    if have sha256sum; then
        sha256sum "$1"
    elif have shasum; then
        shasum -a 256 "$1"
    elif have openssl; then
        openssl dgst -sha256 -r "$1"
    else
        die "nothing here can compute a SHA-256: install sha256sum, shasum or openssl"
    fi | cut -d ' ' -f 1
}

newest() {
    fetch "https://api.github.com/repos/$1/releases/latest" "$folder/latest" ||
        die "cannot ask GitHub for the newest release of $1: name one with --version"
    sed -n 's/.*"tag_name" *: *"v\{0,1\}\([^"]*\)".*/\1/p' "$folder/latest" | head -n 1
}

to=""
version=""
repository=${LANDFALL_REPOSITORY:-$RELEASE_REPOSITORY}
from=""
while [ $# -gt 0 ]; do
    case $1 in
    --to | --version | --repository | --from)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --to) to=$2 ;;
        --version) version=${2#v} ;;
        --repository) repository=$2 ;;
        --from) from=${2%/} ;;
        esac
        shift
        ;;
    -h | --help)
        sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$0"
        exit 0
        ;;
    *) die "unknown argument $1 (see --help)" ;;
    esac
    shift
done
if [ -z "$to" ]; then
    [ -n "${HOME:-}" ] || die "there is no HOME: name a folder with --to"
    to=$HOME/.local/bin
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

version=${version:-$RELEASE_VERSION}
if [ -z "$version" ] || [ -z "$from" ]; then
    [ -n "$repository" ] || die "name the repository of the releases with --repository OWNER/NAME"
fi
[ -n "$version" ] || version=$(newest "$repository")
# It becomes part of addresses and names.
case $version in
"" | *[!0-9A-Za-z.-]*) die "$version is not a version" ;;
esac
from=${from:-https://github.com/$repository/releases/download/v$version}

name=landfall-$version-$(target)
archive=$name.tar.gz
fetch "$from/$archive" "$folder/$archive" || die "there is no $archive at $from"

if [ -n "$RELEASE_CHECKSUMS" ] && [ "$version" = "$RELEASE_VERSION" ]; then
    sums=$RELEASE_CHECKSUMS
else
    fetch "$from/$archive.sha256" "$folder/sums" || die "there is no checksum $archive.sha256 at $from"
    sums=$(cat "$folder/sums")
fi
expected=$(printf '%s\n' "$sums" | while read -r sum file; do
    [ "${file#\*}" != "$archive" ] || printf '%s\n' "$sum"
done)
[ ${#expected} -eq 64 ] || die "there is no SHA-256 of $archive"
actual=$(sha256 "$folder/$archive")
[ "$actual" = "$expected" ] || die "$archive is not what was released: its SHA-256 is $actual, not $expected"

# Who built it, beyond what it is: not every machine can ask.
if [ -n "$repository" ] && have gh && gh auth status >/dev/null 2>&1; then
    gh attestation verify "$folder/$archive" --repo "$repository" >/dev/null ||
        die "gh does not find that $repository built $archive"
    say "$archive: SHA-256 and build provenance verified"
else
    say "$archive: SHA-256 verified (build provenance not: that needs gh, logged in)"
fi

tar -xzf "$folder/$archive" -C "$folder" "$name/landfall"
mkdir -p "$to"
# Beside its place first, so that a program that runs is replaced at once or not at all.
cp "$folder/$name/landfall" "$to/.landfall.$$"
chmod 755 "$to/.landfall.$$"
mv -f "$to/.landfall.$$" "$to/landfall"
say "landfall $version is in $to"
case ":$PATH:" in
*":$to:"*) ;;
*) say "that folder is not in PATH: export PATH=\"$to:\$PATH\"" ;;
esac
