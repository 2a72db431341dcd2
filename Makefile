# make figures [STUDY=demo]   every figure and table of a study, from nothing; a second call skips finished work
# make test                   style, types, unit tests, and every notebook as a test
# make lab                    JupyterLab on the notebooks
# make notebooks              run the notebooks in place, to store their outputs
# make site                   the site: docs/, README and notebooks as pages in site/, offline
# make test-site              the site's tests: every link and anchor, each figure's source; the explorer in a browser
# Each sets up .venv by itself where it is missing.

PYTHON ?= python3
STUDY ?= demo
BIN := .venv/bin

figures: .venv/installed
	$(BIN)/paradox run "$(STUDY)"

test: export OMP_NUM_THREADS = 1 # two processes at a time: no more threads than cores
test: export PARADOX_HOME = # the committed results are under test
test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=20 -p no:cacheprovider \
		--nbval --nbval-cell-timeout=600 --ignore=tests/test_site.py \
		tests/test_signals.py tests $$(ls -r notebooks/*.ipynb) && wait $$! # signals first: kernels that start together may ask for one port

lab: .venv/installed
	$(BIN)/jupyter lab notebooks

notebooks: .venv/installed
	$(BIN)/paradox store

site: .venv/site
	$(BIN)/sphinx-build -W --keep-going -q -c docs . site

test-site: .venv/site
	$(BIN)/pytest -rs tests/test_site.py tests/explorer

.venv/site: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[site,browser,widget]'
	touch $@

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

.PHONY: figures test lab notebooks site test-site
