#!/usr/bin/env bash
# Create .venv with the exact pins; do nothing when it already has them.
#
#   MMCV_WHEELS=<index>  take onedl-mmcv prebuilt from there instead of building it
#   TORCH=<version>      the torch those wheels were built for
#   PYTHON=<program>     the Python to use
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "setup: $*" >&2; exit 1; }
pin() { grep -E "^$1==" requirements.txt; }

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3.11 python3.12 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
fi
[ -n "$python" ] || die "Python 3.11 or 3.12 is needed and neither was found; install one, or name it with PYTHON=..."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || die "PYTHON=$python does not run"
case $version in 3.11 | 3.12) ;; *) die "$python is Python $version; 3.11 or 3.12 is needed" ;; esac

torch=torch==${TORCH:-$(pin torch | cut -d= -f3)}
stamp=$( (cat requirements.txt constraints.txt; echo "$version $torch ${MMCV_WHEELS:-}") | sha256sum | cut -d' ' -f1)
[ "$(cat .venv/.stamp 2>/dev/null)" = "$stamp" ] && exit 0

if [ -z "${MMCV_WHEELS:-}" ]; then
  command -v c++ >/dev/null || die "a C++ compiler is needed to build MMCV's operators and none was found; install g++, or give prebuilt ones with MMCV_WHEELS=<index> TORCH=<version>"
  "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    die "the headers of Python $version are needed to build MMCV's operators and were not found; install them (python$version-dev), or give MMCV_WHEELS=<index> TORCH=<version>"
  if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 && ! command -v nvcc >/dev/null; then
    echo "setup: this machine has an NVIDIA GPU but no CUDA toolkit (nvcc), so MMCV's operators will be built for the CPU alone." >&2
    echo "setup: to train on the GPU, either install the toolkit of torch's CUDA version, or run: make setup MMCV_WHEELS=<index> TORCH=<version>" >&2
  fi
fi

echo "setup: installing the pins into .venv (the first build of MMCV's operators takes 10 to 20 minutes on 2 cores; pip keeps the result)"
rm -f .venv/.stamp
[ -x .venv/bin/python ] && [ "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ] || rm -rf .venv
"$python" -m venv .venv || die "$python cannot create a virtual environment; install its venv module (python$version-venv)"
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
install() { pip install --quiet --constraint constraints.txt "$@"; }

install "$torch"
installed=torch==$(.venv/bin/python -c 'import importlib.metadata as m; print(m.version("torch"))')
install $(pin setuptools) $(pin wheel) $(pin ninja) $(pin psutil) $(pin packaging) $(pin numpy)
mmcv() {
  if [ -n "${MMCV_WHEELS:-}" ]; then
    install --no-deps --find-links "$MMCV_WHEELS" --only-binary onedl-mmcv "$@" "$(pin onedl-mmcv)"
  else # torch must be importable while it builds, or the package comes out without operators
    MMCV_WITH_OPS=1 install --no-deps --no-build-isolation "$@" "$(pin onedl-mmcv)"
  fi
}
operators() { .venv/bin/python -c 'from mmcv.ops import RoIAlign, nms' 2>/dev/null; }
mmcv
grep -vE '^(torch|onedl-mmcv)==' requirements.txt >.venv/rest.txt
install --requirement .venv/rest.txt "$installed"
if ! operators; then # a cached build of another torch, or one without operators
  mmcv --force-reinstall --no-cache-dir
  operators || die "MMCV's operators do not load: $(.venv/bin/python -c 'from mmcv.ops import RoIAlign, nms' 2>&1 | tail -n 1)"
fi
# `python -m pipeline` from any folder, once the environment is active
pwd >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ablation.pth"
echo "$stamp" >.venv/.stamp
