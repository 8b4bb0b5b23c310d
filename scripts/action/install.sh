#!/usr/bin/env bash
# The first step of the action: brings the landfall program that belongs to this revision of the
# action, and says where it is (output `program`, and PATH for later steps).
#
# What is downloaded must have the checksum that stands beside this script, so that pinning the
# action pins the program; the server that it comes from need not be trusted. It works on Linux and
# macOS, with the bash 3.2 of the latter.
#
# Variables: LANDFALL_PRE_BUILT (a program to use in place of a download), LANDFALL_ACTION_REPOSITORY
# (OWNER/NAME whose releases have it), LANDFALL_DOWNLOAD_URL (a mirror: the folder that has the
# archives), and those of the runner.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    local text=$1
    text=${text//'%'/%25}
    text=${text//$'\r'/%0D}
    text=${text//$'\n'/%0A}
    echo "::error title=Landfall is not installed::$text"
    exit 1
}

# openssl uses the processor's instructions for it, and takes a fifth of the time of the others.
sha256() {
    local digest
    if digest=$(openssl dgst -sha256 -r "$1" 2>/dev/null); then
        echo "${digest%% *}"
    elif command -v sha256sum >/dev/null; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

# The checksum of a file of the release, or nothing.
expected() {
    awk -v name="$1" '$2 == name { print $1; exit }' "$here/checksums.txt"
}

# Hands the program over to the next step, and to later ones.
use() {
    echo "program=$1" >>"${GITHUB_OUTPUT:-/dev/null}"
    case $1 in
    */landfall) echo "${1%/landfall}" >>"${GITHUB_PATH:-/dev/null}" ;;
    esac
    exit 0
}

if [ -n "${LANDFALL_PRE_BUILT:-}" ]; then
    program=$LANDFALL_PRE_BUILT
    case $program in
    *$'\n'*) fail "The input pre-built is no path." ;;
    /*) ;;
    *) program=$PWD/$program ;;
    esac
    [ -x "$program" ] && [ ! -d "$program" ] || fail "The input pre-built names no program: there is no executable file $program."
    use "$program"
fi

case ${RUNNER_OS:-$(uname -s)} in
Linux) system=unknown-linux-musl ;;
macOS | Darwin) system=apple-darwin ;;
*) fail "Landfall has no release for ${RUNNER_OS:-$(uname -s)}: run the job on Linux or macOS, or build the program and give its path as pre-built." ;;
esac
case ${RUNNER_ARCH:-$(uname -m)} in
X64 | x86_64) target=x86_64-$system ;;
ARM64 | arm64 | aarch64) target=aarch64-$system ;;
*) fail "Landfall has no release for ${RUNNER_ARCH:-$(uname -m)}: run the job on x64 or arm64, or build the program and give its path as pre-built." ;;
esac

version=$(cat "$here/VERSION")
archive=landfall-$version-$target.tar.gz
checksum=$(expected "$archive")
program_checksum=$(expected "$target/landfall")
if [ -z "$checksum" ] || [ -z "$program_checksum" ]; then
    fail "This revision of the action belongs to no release for $target: use one of the action's tags, or build the program and give its path as pre-built."
fi

# The runner's tool cache stays on machines of one's own; a program in it may have been changed since.
cache=${RUNNER_TOOL_CACHE:-${RUNNER_TEMP:-/tmp}}/landfall/$version/$target
if [ -x "$cache/landfall" ] && [ "$(sha256 "$cache/landfall")" = "$program_checksum" ]; then
    use "$cache/landfall"
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$work"' EXIT

# The same release, where the action was fetched from and where it comes from.
server=${GITHUB_SERVER_URL:-https://github.com}
repository=${LANDFALL_ACTION_REPOSITORY:-}
if [ -z "$repository" ] && [ -z "${LANDFALL_DOWNLOAD_URL:-}" ]; then
    fail "It is not known which repository the action is from: set LANDFALL_DOWNLOAD_URL to a folder that has $archive."
fi
places=("$server/$repository/releases/download/v$version")
if [ "$server" != https://github.com ]; then
    places+=("https://github.com/$repository/releases/download/v$version")
fi
if [ -n "${LANDFALL_DOWNLOAD_URL:-}" ]; then
    places=("${LANDFALL_DOWNLOAD_URL%/}")
fi

downloaded=
for place in "${places[@]}"; do
    echo "Downloading $place/$archive"
    if curl --silent --show-error --fail --location --retry 3 --connect-timeout 20 --max-time 300 \
        --output "$work/archive" "$place/$archive"; then
        downloaded=$place
        break
    fi
done
[ -n "$downloaded" ] || fail "$archive cannot be downloaded from ${places[*]}."
found=$(sha256 "$work/archive")
if [ "$found" != "$checksum" ]; then
    fail "$downloaded/$archive is not the file of the release: its SHA-256 is $found and not $checksum. Nothing of it was run."
fi

tar -xzf "$work/archive" -C "$work" "landfall-$version-$target/landfall"
program=$work/landfall-$version-$target/landfall
[ "$(sha256 "$program")" = "$program_checksum" ] || fail "The program in $archive is not the one of the release."
chmod 755 "$program"
mv -f "$program" "$cache/landfall"
use "$cache/landfall"
