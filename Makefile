# The commands of the course. This file only names them: tools/ does the work.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab fresh test browser-test office-test kill-test dask-test verify mutate notebooks site batch own-lessons sheets bench constraints clean

# Python settings of the user's own must not leak into the course's environment.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

# PYTHON, PORT, LESSON, SHEETS_ARGS and PYTEST_ARGS reach tools/ as variables of the environment.
ANY_PYTHON := sh tools/python.sh
SET_UP := $(ANY_PYTHON) -m tools.set_up
COURSE := .venv/bin/python

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

lab: ## open the course in JupyterLab; PORT=9000 asks for that port
	@$(SET_UP)
	@$(COURSE) -m tools.lab

fresh: ## put back one lesson as published, keeping yours beside it: make fresh LESSON=01
	@$(ANY_PYTHON) -m tools.course

test: ## check code and types, run the tests, re-execute every lesson and compare
	@$(SET_UP) test
	@$(COURSE) -m tools.check test

browser-test: ## try the lessons in a real JupyterLab in Chromium
	@$(SET_UP) test
	@$(COURSE) -m tools.check browser

office-test: ## open the course's spreadsheet in LibreOffice, change cells, recalculate
	@$(SET_UP) test
	@$(COURSE) -m tools.check office

kill-test: ## kill batch runs at random instants, again and again
	@$(SET_UP) test
	@$(COURSE) -m tools.check kill

dask-test: ## run batches over a Dask scheduler with two workers
	@$(SET_UP) test dask
	@$(COURSE) -m tools.check dask

verify: ## check the formulas against real modules; needs PyTorch, about two gigabytes
	@$(SET_UP)
	@$(COURSE) -m tools.verify

mutate: ## break each formula on purpose, and see that a test notices; MODULES="cost load"
	@$(SET_UP) test
	@$(COURSE) -m tools.mutate $(MODULES)

notebooks: ## re-execute all lessons in place and normalize what git keeps
	@$(SET_UP)
	@$(COURSE) -m estimator.lesson.renew notebooks

site: ## write the course as static HTML into build/site; it loads nothing from elsewhere
	@$(SET_UP) test
	@$(COURSE) -m tools.publish

batch: ## run the course's systems, and print their table beside the published figures
	@$(SET_UP)
	@$(COURSE) -m tools.course_systems

own-lessons: ## run all lessons with your own numbers: make own-lessons SERVICE=my.yaml
	@$(SET_UP)
	@$(COURSE) -m tools.own_lessons "$(SERVICE)"

sheets: ## write exercise sheets for a room, and their key, into build/sheets; SHEETS_ARGS=--help
	@$(SET_UP)
	@$(COURSE) -m tools.sheets

bench: ## print the speed figures, as ratios against a floor measured in the same run
	@$(SET_UP) test
	@$(COURSE) -m tools.bench

constraints: ## renew the pins; needs Python 3.11
	@$(ANY_PYTHON) -m tools.constraints

clean: ## remove the environment and all caches, never my-course/
	rm -rf .venv .venv-verify .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name my-course -prune -o -name __pycache__ -prune -exec rm -rf {} +
