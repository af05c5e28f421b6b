#!/usr/bin/env bash
# Make the virtual environment and install the package into it, editable, with
# everything that the window, the tests and the checks need.
#
# uv does this in seconds; where it can't be had, or can't reach an index, pip does.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
extras=${EXTRAS:-all,spatialdata,test,dev}

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(scripts/find-python.sh)
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
python=$venv/bin/python

with_uv() {
    "$python" -m pip install --quiet --disable-pip-version-check uv || return 1
    "$python" -m uv pip install --quiet --compile-bytecode --python "$python" "$@"
}

with_pip() {
    "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

# torch and torchvision are compiled for each other: a build of torch from
# elsewhere beside PyPI's torchvision fails when torchvision is imported.
torch_pair_matches() {
    "$python" -c 'import torch, torchvision' >/dev/null 2>&1
}

echo "Installing napari-stexp[$extras] into $venv (about 5 GB on Linux, where PyTorch brings CUDA)"
with_uv -e ".[$extras]" || with_pip -e ".[$extras]"

if ! torch_pair_matches; then
    echo "torch and torchvision don't fit together; installing both from the index"
    with_uv --reinstall-package torch --reinstall-package torchvision torch torchvision ||
        PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS="$(mktemp -d)" \
            with_pip --force-reinstall torch torchvision
    "$python" -c 'import torch, torchvision'
fi
