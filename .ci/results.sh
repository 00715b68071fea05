#!/usr/bin/env bash
# Makes results/README.md and results/published anew: a sweep of the series named (zig, unless told otherwise), its export
# and its page, around what people wrote in findings.md. `make results` runs it; the history behind it is kept, so that the next time only what is new is compiled.
set -euo pipefail
cd "$(dirname "$0")/.."

series=("${@:-zig}")
tool="${MMIO_BISECT:-.venv/bin/mmio-bisect}"
published=results/published
export MMIO_BISECT_DATABASE="${MMIO_BISECT_DATABASE:-sqlite:///$PWD/results/history.db}" NO_COLOR=1 COLUMNS=120
mkdir -p "$published"

for one in "${series[@]}"; do
    "$tool" sweep "$one" --quiet >/dev/null || echo "The sweep of $one is not complete; what it has is published." >&2
done
"$tool" history export --output "$published/history.jsonl"
gzip --no-name --force "$published/history.jsonl"
"$tool" history report --html "$published/index.html"

fenced() {
    printf '\n```console\n$ mmio-bisect history %s\n' "$*"
    "$tool" history "$@"
    printf '```\n'
}
{
    printf '# Results\n\n'
    printf 'What was measured of %s, made by `make results`: [a page to look at](published/index.html),\n' "${series[*]}"
    printf 'and [all of it](published/history.jsonl.gz) for `gzip -dc … | mmio-bisect history import -`.\n'
    printf '`history.db`, the history database of a checkout, is made here too, and Git ignores it.\n'
    printf '\n'
    cat results/findings.md
    printf '\n## Transitions\n'
    fenced transitions
    printf '\n## Matrix at -O2\n'
    fenced matrix --opt 2
    printf '\n## How much there is\n'
    fenced stats
} >results/README.md.new
mv results/README.md.new results/README.md
