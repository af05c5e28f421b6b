#!/usr/bin/env bash
# Print the path of a Python that the package runs on; PYTHON names another one.
set -euo pipefail

if [ -n "${PYTHON:-}" ]; then
    candidates=("$PYTHON")
else
    candidates=(python3 python3.13 python3.12 python3.11 python3.14)
fi

for candidate in "${candidates[@]}"; do
    # A version manager's placeholder exists but doesn't run, so it is tried.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done

echo "napari-stexp needs Python 3.11 or newer; none of these is: ${candidates[*]}." >&2
echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
exit 1
