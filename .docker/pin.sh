#!/bin/sh
# Pins what docker-compose.yml is made of, in .env beside it: the base image by its digest, and the group of docker's
# socket. Where no registry answers, the base is built by debootstrap (as root), and named by the digest of its content.
set -eu
cd "$(dirname "$0")/.."

suite=trixie
socket=${DOCKER_SOCKET:-/var/run/docker.sock}
if docker pull --quiet "debian:$suite-slim" >/dev/null 2>&1; then
    base=$(docker image inspect --format '{{index .RepoDigests 0}}' "debian:$suite-slim")
else
    echo "no registry has debian:$suite-slim; using one that is built here" >&2
    built=mmio-bisect-base:$suite
    if ! docker image inspect "$built" >/dev/null 2>&1; then
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        debootstrap --variant=minbase "$suite" "$work/root" >&2
        tar --directory "$work/root" --numeric-owner --exclude='./dev/*' --exclude='./var/cache/apt/*' \
            --exclude='./var/lib/apt/lists/*' --create . | docker import - "$built" >&2
    fi
    content=$(docker image inspect --format '{{json .RootFS.Layers}}' "$built" | sha256sum | cut -c1-16)
    base=mmio-bisect-base:$suite-$content
    docker tag "$built" "$base"
fi

# What else stands there may be a password: whoever may not read the one file may not read the other.
touch .env
cp -p .env .env.new
grep -v -e '^MMIO_BISECT_BASE=' -e '^DOCKER_GID=' .env >.env.new || true
{
    echo "MMIO_BISECT_BASE=$base"
    echo "DOCKER_GID=$(stat --dereference --format %g "$socket")"
} >>.env.new
mv .env.new .env
cat .env
