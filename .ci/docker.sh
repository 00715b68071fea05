#!/usr/bin/env bash
# Docker for the tests that need it: does nothing where a daemon answers; else installs one if need be, and starts it.
# Needs root and Debian's packages. debootstrap is for the sandbox's base image, where no registry answers.
set -euo pipefail

answers() { docker version >/dev/null 2>&1; }

missing=()
command -v dockerd >/dev/null || answers || missing+=(docker.io)
command -v debootstrap >/dev/null || missing+=(debootstrap)
if ((${#missing[@]})); then
    apt-get update --quiet
    # Debian 13 has the client in a package of its own.
    ! apt-cache show docker-cli >/dev/null 2>&1 || missing+=(docker-cli)
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
fi

answers && exit 0

# What a daemon that was killed has left would keep the next one from starting, while its number is another's or a zombie's.
lives() { pgrep --exact --runstates D,R,S,T "$1" >/dev/null; }
lives dockerd || rm -f /var/run/docker.pid
lives containerd || rm -f /var/run/docker/containerd/containerd.pid

# A daemon of this machine's own, which outlives this script; its words are in the log.
log="${TMPDIR:-/tmp}/mmio-bisect-dockerd.log"
setsid dockerd >"$log" 2>&1 </dev/null &
daemon=$!
for _ in $(seq 300); do
    answers && exit 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.2
done
echo "dockerd does not answer; its last words, from $log:" >&2
tail -n 20 "$log" >&2
exit 1
