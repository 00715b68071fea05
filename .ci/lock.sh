#!/usr/bin/env bash
# Makes requirements.lock and requirements-dev.lock anew: the newest versions in pyproject.toml's ranges, with their hashes
# and without the address of an index, so that a mirror serves as well. `make lock` runs it with the oldest Python that the
# package supports: its backports carry markers, and newer ones need nothing besides.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=.venv/bin
export CUSTOM_COMPILE_COMMAND="make lock"
project() { "$bin/python" -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb')); print(*$1, sep='\n')"; }

oldest=$(project "[p['project']['requires-python'].removeprefix('>=')]")
if [ "$("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" != "$oldest" ]; then
    echo "Locks are made with Python $oldest: make clean lock PYTHON=python$oldest" >&2
    exit 1
fi

lock() { # ARGUMENT…
    "$bin/python" -m piptools compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
        --no-emit-trusted-host --no-emit-find-links --no-emit-options "$@"
}

# Both hold pip and what builds the package, so that installing asks the index for nothing else; hatchling takes editables
# for an editable installation.
lock --extra postgresql --build-deps-for editable --output-file requirements.lock pyproject.toml
project "p['project']['dependencies'] + p['dependency-groups']['dev'] + p['build-system']['requires'] + ['editables']" |
    lock --constraint requirements.lock --output-file requirements-dev.lock -
