# Everything a newcomer needs: `make demo` and `make test` set up what they use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TYPED := .typecheck/trialbridge
OTHERS := chromium r-base-core r-cran-foreign r-cran-haven

.PHONY: demo test coverage lint bench regenerate clean

demo: $(READY)  ## convert the shipped sample trial and say what to open
	$(BIN)/trialbridge demo --out demo

test: $(READY) $(VENV)/.others  ## the whole suite, on every processor
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

coverage: $(READY) $(VENV)/.others  ## the same, with the lines that no test runs
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --cov --cov-report=term:skip-covered

lint: $(READY)  ## style, types, package contents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf .typecheck && mkdir -p $(TYPED)
	ln -s $(CURDIR)/src/trialbridge/* $(CURDIR)/converters $(CURDIR)/mappings $(CURDIR)/define_xml $(CURDIR)/samples $(TYPED)/
	MYPYPATH=.typecheck $(BIN)/mypy -p trialbridge
	rm -rf dist && $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/check-wheel-contents --toplevel trialbridge dist/*.whl

bench: $(READY)  ## measure, with peers in the same run
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/run.py

regenerate: $(READY)  ## the generated tables, from the published packages: make regenerate STANDARDS=folder
	$(BIN)/python tools/generate_standards.py $(STANDARDS)
	$(BIN)/python tools/generate_elements.py

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[test,lint]'
	touch $(READY)

$(VENV)/.others: | $(READY)  ## other people's readers for the tests; what is not there is skipped with a reason
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null && command -v Rscript >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && apt-get -qq install -y --no-install-recommends $(OTHERS); } \
	  || echo "no Chromium or no R here: the tests that need them will say that they were skipped"
	touch $@

clean:
	rm -rf $(VENV) .typecheck build dist demo .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
