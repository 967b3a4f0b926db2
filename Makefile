# Two commands: `make repro` runs the study of params.yaml to its report, `make test` proves the project.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MMCV_WHEELS TORCH PYTHON
export DVC_NO_ANALYTICS = 1

.PHONY: help setup wheel repro ui test test-slow test-gpu lint format docs evidence audit

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the pins into .venv (MMCV_WHEELS=<index> TORCH=<version> takes prebuilt operators); the others call it
	@tools/setup.sh

wheel: setup ## this machine's build of MMCV's operators as a file in dist/: others take it by MMCV_WHEELS=dist
	@tools/setup.sh wheel

# All cells at once first, here or on a cluster; then DVC collects them and does the rest.
# A cell that fails (exit code 1) does not stop the others: what there is is evaluated, the report names what is missing.
ENGINE ?= local
repro: setup ## the study of params.yaml, to its report (ENGINE=slurm: on a cluster; JOBS=8: so many cells at once)
	@python -m pipeline doctor --quiet
	@python -m pipeline dispatch --engine $(ENGINE) $(if $(JOBS),--jobs $(JOBS)) || [ $$? = 1 ]
	@export ABLATION_COLLECT_ONLY=1; dvc repro --keep-going || { dvc repro --single-item more; dvc repro --single-item evaluate report track; exit 1; }

ui: setup ## MLflow's pages over the study, on this machine
	@python -m pipeline ui

# One thread a process. Three processes on two cores: many tests wait for servers and clusters. A file stays together.
test: lint ## lint, types and all tests but the slow ones
	@OMP_NUM_THREADS=1 pytest -n 3 --dist loadfile

test-slow: setup ## the long proofs
	@OMP_NUM_THREADS=1 pytest -m slow

test-gpu: setup ## on a machine with a GPU: operators, modules and training on it; writes reports/gpu.md
	@pytest -rs -m gpu tests/gpu

lint: setup ## style, spelling and types, changing nothing
	@ruff check .
	@ruff format --check .
	@codespell
	@mypy

format: setup ## the code as ruff writes it, imports sorted
	@ruff check --fix .
	@ruff format .

docs: setup ## the pages made from code: docs/params.md, docs/attention.md
	@python -m tools.params_page
	@python -m pipeline attention --write

evidence: setup ## the simulation of what the statistics promise (slow)
	@OMP_NUM_THREADS=1 python -m benchmarks.evidence

audit: setup ## advisories, licences (docs/licences.md) and a bill of materials (sbom.cdx.json) of all that is installed
	@[ -x .audit/bin/pip-audit ] || { python -m venv .audit && .audit/bin/pip install --quiet --requirement tools/audit.txt; }
	@.audit/bin/python tools/audit.py
