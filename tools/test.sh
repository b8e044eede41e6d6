#!/usr/bin/env bash
# Run every notebook as a test: install the project and what its tests need, then nbdev_test, which takes this script's arguments.
# Uses the virtual environment that is active, or else one in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${VIRTUAL_ENV:-}" ]; then
    python3 -m venv .venv
    . .venv/bin/activate
fi
python -m pip install --quiet --editable '.[dev]'

export PYTHONWARNINGS='ignore:`torch.jit.script`:FutureWarning'    # timm's, which fastai imports where it is installed
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"    # nbdev_test runs as many notebooks at once as there are cores
nbdev_test --do-print "$@"
