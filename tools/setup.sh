#!/usr/bin/env bash
# Create .venv with the exact pins; do nothing when it already has them.
#
#   MMCV_WHEELS=<index>  take onedl-mmcv prebuilt from there instead of building it: an index, or the folder of `make wheel`
#   TORCH=<version>      the torch those wheels were built for
#   PYTHON=<program>     the Python to use
#
# `tools/setup.sh wheel` writes this machine's build of onedl-mmcv to dist/, for other machines with the same Python and torch.
set -euo pipefail
cd "$(dirname "$0")/.."

# Python 3.14 is left out: opencv-python 4.12 holds numpy below 2.3, and numpy 2.2 has no wheels for it. opencv-python
# 4.13 with numpy 2.3 has; they would change every plan's versions, and no Python 3.14 was at hand to try them with.
SUPPORTED="3.11 3.12 3.13"
die() { echo "setup: $*" >&2; exit 1; }
say() { echo "setup: $*"; }
pin() { grep -E "^$1==" requirements.txt; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
fits() { case " $SUPPORTED " in *" $1 "*) true ;; *) false ;; esac; }

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3.11 python3.12 python3.13 python3; do
    if fits "$(version_of "$candidate")"; then
      python=$candidate
      break
    fi
  done
fi
if [ -z "$python" ] && command -v uv >/dev/null; then
  say "no Python from 3.11 to 3.13 was found; uv fetches 3.12"
  uv python install --quiet 3.12 || die "uv could not fetch Python 3.12; install one from 3.11 to 3.13, or name it with PYTHON=..."
  python=$(uv python find 3.12)
fi
[ -n "$python" ] || die "Python 3.11, 3.12 or 3.13 is needed and none was found; install one, install uv (it fetches one), or name it with PYTHON=..."
version=$(version_of "$python") || die "PYTHON=$python does not run"
fits "$version" || die "$python is Python $version; 3.11, 3.12 or 3.13 is needed"

torch=torch==${TORCH:-$(pin torch | cut -d= -f3)}
stamp=$( (cat requirements.txt constraints.txt; echo "$version $torch ${MMCV_WHEELS:-}") | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/.stamp 2>/dev/null)" = "$stamp" ]; then
  [ "${1:-}" = wheel ] || exit 0
  mkdir -p dist # pip has kept the build
  MMCV_WITH_OPS=1 .venv/bin/python -m pip --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir dist "$(pin onedl-mmcv)"
  for file in dist/onedl_mmcv-*.whl; do
    .venv/bin/python -m zipfile -l "$file" | grep -q _ext || die "$file holds no operators; remove it and .venv, then make setup"
  done
  exit 0
fi
[ "${1:-}" != wheel ] || die "make setup first: the wheel is built with the torch that it installs"

if [ -z "${MMCV_WHEELS:-}" ]; then
  command -v c++ >/dev/null || die "a C++ compiler is needed to build MMCV's operators and none was found; install g++, or give prebuilt ones with MMCV_WHEELS=<index> TORCH=<version>"
  "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    die "the headers of Python $version are needed to build MMCV's operators and were not found; install them (python$version-dev), or give MMCV_WHEELS=<index> TORCH=<version>"
  if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 && ! command -v nvcc >/dev/null; then
    echo "setup: this machine has an NVIDIA GPU but no CUDA toolkit (nvcc), so MMCV's operators will be built for the CPU alone." >&2
    echo "setup: to train on the GPU, either install the toolkit of torch's CUDA version, or run: make setup MMCV_WHEELS=<index> TORCH=<version>" >&2
  fi
fi

say "installing the pins into .venv with Python $version"
rm -f .venv/.stamp
[ -x .venv/bin/python ] && [ "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ] || rm -rf .venv
"$python" -m venv .venv || die "$python cannot create a virtual environment; install its venv module (python$version-venv)"
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
install() { pip install --quiet --constraint constraints.txt "$@"; }

say "1 of 3: $torch"
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
if [ -n "${MMCV_WHEELS:-}" ]; then say "2 of 3: MMCV's operators from $MMCV_WHEELS"; else
  say "2 of 3: MMCV's operators (the first build takes 10 to 20 minutes on 2 cores; pip keeps the result)"
fi
operators() { .venv/bin/python -c 'from mmcv.ops import RoIAlign, nms' 2>/dev/null; }
mmcv
say "3 of 3: the rest"
grep -vE '^(torch|onedl-mmcv)==' requirements.txt >.venv/rest.txt
install --requirement .venv/rest.txt "$installed"
if ! operators; then # a cached build of another torch, or one without operators
  mmcv --force-reinstall --no-cache-dir
  operators || die "MMCV's operators do not load: $(.venv/bin/python -c 'from mmcv.ops import RoIAlign, nms' 2>&1 | tail -n 1)"
fi
# `python -m pipeline` from any folder, once the environment is active
pwd >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ablation.pth"
echo "$stamp" >.venv/.stamp
