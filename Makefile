# The commands of this project; `make` lists them. Each does the set-up that it needs and repeats nothing.
# Prepared things: .venv, the Docker engine, two images, data/cifar10, .setup (logs). docs/setup.md tells more.

SHELL := /bin/bash
BIN   := .venv/bin
SETUP := bootstrap/setup.sh
# Much of a test is waiting for an engine, so three share two processors; a file's tests share what it has set up, and
# the files with real containers, which take longest, come first.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
JOB   := examples/cifar10/tuning-job.yaml

.DEFAULT_GOAL := help
.PHONY: help setup tune test test-podman test-podman-all faults check format lock image image-gpu doctor clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## prepare this machine: virtual environment, Docker engine, CIFAR-10, reference image
	@$(SETUP) venv engine base-image cifar10 reference-image

tune: setup ## the main job: tune the reference image on CIFAR-10, on this machine
	$(BIN)/algodock tune $(JOB) --again

test: ## every check and every test, with real containers and a real browser
	@$(SETUP) venv engine base-image cifar10 reference-image test-tools podman
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest $(SIDE_BY_SIDE)
	@$(MAKE) --no-print-directory test-podman

test-podman: ## what keeps containers apart, and each kind of job once, on Podman: as root, then as an ordinary user
	@$(SETUP) venv test-tools podman
	$(call on_podman,every_engine)

test-podman-all: ## the same with all tests of a real engine but those of Docker alone (takes long)
	@$(SETUP) venv engine base-image cifar10 reference-image test-tools podman podman-images
	$(call on_podman,docker and not docker_only and not gpu_hook)

# The tests of one expression of markers on both.
define on_podman
bootstrap/on-podman.sh rootful $(BIN)/pytest $(SIDE_BY_SIDE) tests/integration -m "$(1)"
bootstrap/on-podman.sh rootless $(BIN)/pytest $(SIDE_BY_SIDE) tests/integration -m "$(1)" -p no:cacheprovider
endef

faults: ## inject every fault for real and print what is lost (two hours; goes on where it was ended): docs/faults.md
	@$(SETUP) venv engine
	$(BIN)/python tests/faults/matrix.py $(ARGUMENTS)

check: ## the checks that run nothing: format, lint, types, layers
	@$(SETUP) venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests bootstrap/*.py
	$(BIN)/lint-imports
	$(BIN)/shellcheck --external-sources bootstrap/*.sh bootstrap/steps/*.sh .ci/run

format: ## rewrite the sources in the project's format
	@$(SETUP) venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## renew requirements.lock and the lock files of the images
	@$(SETUP) venv
	bootstrap/lock.sh

image: ## the reference image for CPUs, algodock/cifar10:cpu
	@$(SETUP) venv engine base-image reference-image

image-gpu: ## the reference image for NVIDIA GPUs, algodock/cifar10:gpu
	@$(SETUP) venv engine
	$(BIN)/python bootstrap/reference_image.py algodock/cifar10:gpu

doctor: ## say what on this machine is ready and what is not
	@$(SETUP) venv
	$(BIN)/algodock doctor

clean: ## delete what was made in this folder, and the reference image
	bootstrap/clean.sh
