#!/usr/bin/env bash
# Run a command that opens windows: on the screen, or on a virtual one where there is none.
set -euo pipefail

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname -s)" != Linux ]; then
    exec "$@"
fi
if ! command -v xvfb-run >/dev/null; then
    echo "There is no screen (DISPLAY is not set) and xvfb-run is not installed." >&2
    echo "    sudo apt-get install xvfb xauth      (or your system's package of Xvfb)" >&2
    exit 1
fi
exec xvfb-run -a -s "-screen 0 1280x800x24" "$@"
