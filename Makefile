# Two commands: `make repro` runs the study of params.yaml to its report, `make test` proves the project.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MMCV_WHEELS TORCH PYTHON
export DVC_NO_ANALYTICS = 1

.PHONY: setup repro test test-slow docs evidence ui

setup:
	@tools/setup.sh

# All cells at once first, here or on a cluster (make repro ENGINE=slurm JOBS=8); then DVC collects them and does the rest.
# A cell that fails (exit code 1) does not stop the others: what there is is evaluated, the report names what is missing.
ENGINE ?= local
repro: setup
	@python -m pipeline doctor --quiet
	@python -m pipeline dispatch --engine $(ENGINE) $(if $(JOBS),--jobs $(JOBS)) || [ $$? = 1 ]
	@export ABLATION_COLLECT_ONLY=1; dvc repro --keep-going || { dvc repro --single-item evaluate report track; exit 1; }

# One thread a process: the tests train, and two such processes beat one with two threads. A file stays together.
test: setup
	@ruff check .
	@ruff format --check .
	@mypy
	@OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile

test-slow: setup
	@OMP_NUM_THREADS=1 pytest -m slow

docs: setup
	@python -m tools.params_page
	@python -m pipeline attention --write

evidence: setup
	@OMP_NUM_THREADS=1 python -m benchmarks.evidence

ui: setup
	@python -m pipeline ui
