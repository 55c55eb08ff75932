# One profile, one target folder: the native engines take minutes to build, once.
CARGO ?= cargo
ROSE := target/release/rose
BIND ?= 127.0.0.1:8080
DATA ?= data
MODELS ?= small
IMAGE_TARGETS ?= local

.DEFAULT_GOAL := help
.PHONY: help setup frontend build models test-models demo check test bench openapi fmt image

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install the system packages that the build and the tests need
	@bash scripts/set-up.sh

# What the lock file names, at exactly its versions; again only where the lock file has changed.
frontend/node_modules/.package-lock.json: frontend/package-lock.json | setup
	cd frontend && npm ci --no-audit --no-fund
	@touch $@

# Only where a source is newer: the program embeds frontend/dist, and would be built again with it.
FRONTEND_SOURCES := $(shell find frontend/src frontend/public frontend/scripts -type f 2>/dev/null) $(wildcard frontend/*.html frontend/*.json frontend/*.ts frontend/*.js) docs/openapi.json

frontend/dist/index.html: $(FRONTEND_SOURCES) frontend/node_modules/.package-lock.json
	cd frontend && npm run --silent build

frontend: frontend/dist/index.html ## Build the web app into frontend/dist

build: frontend ## Build target/release/rose with every local engine and the web app
	$(CARGO) build --release --locked
	@# espeak-rs-sys has cargo watch a header that its own build has just copied: unless the copy looks as old as the
	@# build, the next one builds it again, and Rose with it.
	@for built in target/release/build/espeak-rs-sys-*/invoked.timestamp; do \
		find "$${built%/*}/out" -name speak_lib.h -exec touch -r "$$built" {} +; done

models: build ## Fetch the model files (MODELS=small)
	$(ROSE) models pull $(MODELS)

# What the tests and benches need.
test-models: build
	$(ROSE) models pull tiny small

demo: models ## Serve Rose on http://127.0.0.1:8080, offline (MODELS=tiny on a very small machine)
	$(ROSE) serve --models $(MODELS) --bind $(BIND) --data-dir $(DATA)

check: frontend ## The quick gate: format, lints, docs, the cloud-only build, quick tests
	cd frontend && npm run --silent check
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	$(CARGO) clippy --release --locked --no-default-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --no-deps
	$(CARGO) test --release --locked --lib
	@if command -v cargo-deny >/dev/null 2>&1; then $(CARGO) deny check; else echo "cargo-deny is not installed: licences and advisories were not checked" >&2; fi

# Most tests run on the tiny models, those of the default set's judgement and voice on small.
test: test-models ## Every test, on the real models
	bash scripts/openai-clients.sh
	bash scripts/qdrant-engine.sh
	bash scripts/schemathesis.sh
	$(CARGO) test --release --locked --lib --bins
	$(CARGO) test --release --locked --doc
	cd frontend && npm run --silent test:browser
	$(CARGO) test --release --locked --test it

bench: test-models ## Every bench; each prints its share of the turn's budget
	$(CARGO) bench --locked

openapi: ## Write docs/openapi.json anew from the routes
	ROSE_UPDATE_OPENAPI=1 $(CARGO) test --release --locked --test it -- openapi

image: ## Build the container image rose:local (IMAGE_TARGETS="local cloud models" for others too)
	bash scripts/image.sh $(IMAGE_TARGETS)

fmt: ## Format the source
	$(CARGO) fmt
