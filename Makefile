# Everything a newcomer types. Each target sets up what it needs first; a setup that is done takes a second.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
PY := .venv/bin/python
SIDE := -n logical --maxprocesses=4 --dist loadfile --no-loadscope-reorder
DEMO_DAYS ?= 1
export DEMO_DAYS

# whoever sets it would wait for all of node/ to be compiled at the start of each process
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long lint bench bench-net bench-gas bench-restart bench-explorer year soak crowd fuzz gas slither \
	mutants machine kill-matrix node-faults lock clean

help: ## what can be typed here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ -/' | sed 's/^/  make /'

setup: ## install and build everything under this folder (.venv, node_modules, .till)
	@$(PYTHON) -m node.network.toolchain

demo: setup ## replay a real day of shop payments on four validators (DEMO_DAYS=7 for a week)
	@$(PY) -m node.demo

year: setup ## replay the whole year, 155,848 baskets, as fast as the bridge takes them (DAYS=3 DEMO_RATE=5000 to try)
	@DEMO_DAYS=$(or $(DAYS),all) $(PY) -m node.demo --folder .till/year --report out/demo/year.json --proof out/demo/year.proof.json

test: lint ## lint, then every test: side by side, then those that need the machine for themselves; ends at the third failure
	@$(PY) -m pytest $(SIDE) --maxfail=3 -m "not alone and not long" --durations=20
	@$(PY) -m pytest --maxfail=3 -m "alone and not long" --durations=10

test-long: setup ## the tests that take minutes each: hosts that move, fork, change keys and leave, bridges killed (25 minutes)
	@$(PY) -m pytest $(SIDE) --maxfail=3 -m long --durations=10

lint: setup ## formatting, types, dependency rule, Solidity style
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-logo > .till/log/lint-imports.txt || { cat .till/log/lint-imports.txt; exit 1; }
	@# forge itself, not npm's wrapper around it, which exits 0 on failure
	@.till/tools/bin/forge fmt --check contracts interfaces
	@.till/tools/bin/node node_modules/solhint/solhint.js --disc --noPoster --max-warnings 0 \
		'contracts/**/*.sol' 'interfaces/**/*.sol'

bench: setup ## payments a second and latency through the whole path; writes out/bench/payments.json
	@$(PY) -m benchmarks.payments

bench-net: setup ## time to finality, ceilings of 1, 4 and 7 validators, memory, catching up; writes out/bench/network.json
	@$(PY) -m benchmarks.network

bench-restart: setup ## how soon a bridge with 100,000 unfinished payments is back to work (JOURNAL=postgresql)
	@$(PY) -m benchmarks.restart --journal $(or $(JOURNAL),sqlite)

soak: setup ## four validators under load and random faults for 30 minutes (MINUTES=120), or so many kills (ROUNDS=50)
	@$(PY) -m benchmarks.soak $(if $(ROUNDS),--rounds $(ROUNDS),--minutes $(or $(MINUTES),30))

crowd: setup ## 500 connections to a bridge for 30 minutes, a third of them misbehaving, with a verdict (MINUTES=1)
	@$(PY) -m benchmarks.crowd --minutes $(or $(MINUTES),30)

bench-explorer: setup ## events and blocks indexed a second, bytes a payment, on both databases; writes out/bench/explorer.json
	@$(PY) -m benchmarks.explorer
	@$(PY) -m benchmarks.explorer_pages

bench-gas: setup ## gas a payment; writes out/bench/gas.json
	@$(PY) -m benchmarks.gas

gas: setup ## what each operation of the contracts costs; writes docs/gas.md
	@$(PY) -m benchmarks.gas_page

slither: setup ## slither over the contracts, in a venv of its own; every finding needs a reason; writes docs/slither.md
	@$(PY) -m proving.slither

mutants: setup ## change the contracts one by one, the tests must notice; writes docs/mutants.md (MUTANTS="--sample 60")
	@$(PY) -m proving.mutants $(MUTANTS)

machine: setup ## all contracts beside their models, any step after any other, for 20 minutes; writes docs/machine.md (MINUTES=5)
	@$(PY) -m proving.machine --minutes $(or $(MINUTES),20) $(if $(SEED),--seed $(SEED))

kill-matrix: setup ## kill the bridge at each write and each send, under load, on both databases, and with a takeover (ROUNDS=3)
	@$(PY) -m proving.kill_matrix --rounds $(or $(ROUNDS),3)

node-faults: setup ## the bridge under load while its gateways lose replies, lag, refuse and hang (MESSAGES=300)
	@$(PY) -m proving.node_faults --messages $(or $(MESSAGES),300)

fuzz: setup ## the bridge's intakes under hostile inputs, guided by coverage, for 10 minutes (MINUTES=60)
	@$(PY) -m proving.fuzz --minutes $(or $(MINUTES),10)

lock: setup ## make requirements.lock and package-lock.json anew from requirements.in and package.json
	@$(PY) -m node.network.toolchain.lock

clean: ## remove everything that was installed, built or written here
	@rm -rf .venv node_modules .till build out node/artifacts *.egg-info
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
