#!/usr/bin/env bash
# Debian's packages for the tests of the page (Chromium and its driver), of PostgreSQL, of builds (ccache), of
# docker-compose.yml and of the README's units: installs what is missing. Needs root.
set -euo pipefail

missing=()
command -v ccache >/dev/null || missing+=(ccache)
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v docker-compose >/dev/null || missing+=(docker-compose)
command -v systemd-analyze >/dev/null || missing+=(systemd)
if ((${#missing[@]})); then
    apt-get update --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
fi
