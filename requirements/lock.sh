#!/bin/sh
# Refresh the locked versions, with hashes and without any registry's address. Needs `uv`.
set -eu
cd "$(dirname "$0")/.."
common="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet"
uv pip compile $common pyproject.toml -o requirements/run.txt
uv pip compile $common --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt
printf "hatchling>=1.27\neditables>=0.5\n" | uv pip compile $common - -c requirements/dev.txt -o requirements/build.txt
