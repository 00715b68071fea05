#!/usr/bin/env bash
# Everything that tests need beyond Python: docker, Debian's packages, and what is fetched. Needs root, Debian and .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "This installs Debian's packages and starts docker: run it as root, on Debian." >&2
    exit 1
fi
.ci/docker.sh
.ci/packages.sh
.ci/fetch.sh
