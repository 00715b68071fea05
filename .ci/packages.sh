#!/usr/bin/env bash
# Debian's packages for the tests, as tests/fakes/requirements.py names them: installs what is missing. Needs root.
set -euo pipefail

mapfile -t missing < <(.venv/bin/python tests/fakes/requirements.py)
if ((${#missing[@]})); then
    apt-get update --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
fi
