#!/usr/bin/env bash
# Fetch the Debian/Ubuntu packages that Qt, OpenGL and a virtual screen need.
#
# Nothing happens on other systems, or when all are there. Without the right to
# install (neither root nor sudo without a password) it prints the one line to
# run and goes on: everything that needs no window works without them.
# With STEXP_SYSTEM_DEPS=no it only tells what is missing.
set -euo pipefail

packages=(
    xvfb xauth                                   # a screen where there is none
    libgl1 libegl1 libgl1-mesa-dri               # OpenGL, in software if need be
    libdbus-1-3 libfontconfig1 libglib2.0-0 libgssapi-krb5-2
    libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
    libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xfixes0
)

is_installed() { # a library may carry the suffix of the 64-bit time_t transition
    local states # dpkg-query fails when either name is unknown, which says nothing
    states=$(dpkg-query -W -f='${Status};' "$1" "$1t64" 2>/dev/null || true)
    [[ $states == *"install ok installed;"* ]]
}

python_package() { # what Debian's own Python lacks to make virtual environments
    local python
    python=$("$(dirname "$0")/find-python.sh" 2>/dev/null) || return 0
    if [[ $python == /usr/bin/* ]] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

missing=()
for package in "${packages[@]}" $(python_package); do
    is_installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

tell_what_to_run() {
    echo "Some system packages for the napari window are missing. To install them:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
}

if [ "$(id -u)" -eq 0 ]; then
    become=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    become=(sudo -n)
else
    STEXP_SYSTEM_DEPS=no
fi

if [ "${STEXP_SYSTEM_DEPS:-yes}" = no ]; then
    tell_what_to_run
    exit 0
fi

echo "Installing system packages: ${missing[*]}"
apt=("${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
# An unreachable third-party source makes `update` fail, though nothing is wanted from it.
"${apt[@]}" update </dev/null || echo "apt-get update failed; going on with the lists at hand" >&2
if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null; then
    tell_what_to_run
fi
