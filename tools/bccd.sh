#!/usr/bin/env bash
# The study on real pictures: reports/bccd/params.yaml by `make repro`, in a clone of its own; then its report is put into
# reports/bccd. A second call goes on where the first one stopped.
#
#   tools/bccd.sh [DATA] [CLONE]
#
# DATA is a folder with annotations/ and images/ of BCCD as COCO (default ../shared/data/bccd), CLONE where to work
# (default ../bccd-study). 60 cells: give it both cores of a machine and nothing beside.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$PWD
data=$(realpath "${1:-../shared/data/bccd}")
work=$(realpath -m "${2:-../bccd-study}")

[ -d "$data/annotations" ] || { echo "bccd: $data/annotations: no such folder; name the data as the first argument" >&2; exit 2; }
[ -d "$work" ] || git clone -q "$project" "$work"
[ -e "$work/.venv" ] || ln -s "$project/.venv" "$work/.venv"
mkdir -p "$work/data/raw"
[ -d "$work/data/raw/bccd" ] || cp -r "$data" "$work/data/raw/bccd"
cp reports/bccd/params.yaml "$work/params.yaml"

time make -C "$work" repro

rm -rf reports/bccd/figures
cp -r "$work"/reports/ablation.md "$work"/reports/summary.md "$work"/reports/figures reports/bccd/
echo "reports/bccd/ablation.md and reports/bccd/summary.md written"
