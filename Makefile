# SPDX-License-Identifier: Apache-2.0
.PHONY: crds deps build check test images e2e bench soak demo format clean help
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' Makefile | expand -t 10

deps: ## install what is missing (Debian 12 or 13, root)
	scripts/install-deps

build: deps ## the programs, optimised, in build/release
	cmake --preset release
	cmake --build --preset release

check: deps ## the short tests, at most 8 minutes on two cores
	scripts/run-suites check

test: ## all tests, at most 45 minutes on two cores (root: also on a real Kubernetes node)
	scripts/install-deps $(if $(filter 0,$(shell id -u)),--e2e)
	scripts/run-suites test

images: ## the images of worker and operator, by buildah, without a registry (root)
	scripts/install-deps --e2e
	scripts/images

e2e: ## on a real Kubernetes node on this machine: images, helm, S3, kills (root)
	scripts/install-deps --e2e
	e2e/run

bench: build ## the numbers of the design, measured
	bench/run

soak: build ## many kills, for as long as you like
	tests/soak/run

demo: ## from nothing to a verified 3D film: installs, builds, converts, checks (FILM=path)
	scripts/demo

crds: ## crds/ from the field table
	cmake --preset release
	cmake --build --preset release --target stereo-crdgen
	build/release/operator/api/stereo-crdgen > crds/stereojob.io_stereojobs.yaml

format: ## clang-format over all C
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format-14 -i

clean: ## remove what the presets and the tests built
	rm -rf build/dev build/asan build/tsan build/release build/fuzz build/suites
