# Two commands do everything on a bare machine (Python 3.11+, Node 20+, make): `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= demo-data
PORT ?= 8000
WORKERS ?= 4
STAMP := .make/venv

# Some images switch off Python's compiled files, which saves them nothing and costs each of our processes its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test packages check bench faults drill docs wheel assets translations clean

run: $(STAMP) assets translations
	@TELERAD_DATA=$(DATA) $(BIN)/telerad demo
	@TELERAD_DATA=$(DATA) $(BIN)/telerad run --port $(PORT)

# Four workers on two cores: many tests wait for processes of their own. The second pass takes what asks for the database.
test: $(STAMP) assets translations
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --ignore tests/packaging
	TELERAD_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/core tests/plugins tests/contract -m "not browser and not corpus"

# The product as others get it: wheels, environments that have nothing else, new packages, the examples, the tutorial.
packages: $(STAMP) assets translations
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/packaging

check: $(STAMP) assets translations
	$(BIN)/ruff check core plugins plugin_sdk transfer tests tools benchmarks examples
	$(BIN)/mypy
	$(BIN)/mypy examples/*/telerad_*
	$(BIN)/lint-imports --config setup.cfg
	$(BIN)/python tools/translations.py --check
	$(BIN)/python tools/features_doc.py --check
	$(BIN)/python tools/hooks_doc.py --check

bench: $(STAMP) assets
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.lists
	$(BIN)/python -m benchmarks.plugins
	$(BIN)/python -m benchmarks.reconcile

# About 17 minutes on two cores, and alone there: 220 kills, 10,000 objects, 10,000 events, every point, every known defect.
faults: $(STAMP) assets translations
	TELERAD_FAULTS=long $(BIN)/python -m pytest tests/faults -s

drill: $(STAMP)
	$(BIN)/python -m pytest tests/core/backup
	TELERAD_TEST_DATABASE=postgresql $(BIN)/python -m pytest tests/core/backup

docs: $(STAMP)
	$(BIN)/python tools/features_doc.py
	$(BIN)/python tools/hooks_doc.py

wheel: $(STAMP) assets translations
	$(BIN)/python tools/wheel.py dist

assets: $(STAMP)
	@$(BIN)/python tools/assets.py

translations: $(STAMP)
	@$(BIN)/python tools/translations.py --compile

# A new entry point is seen only after installing again, so setup.cfg is what the stamp depends on.
$(STAMP): setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	$(BIN)/python -m pip install --quiet --editable '.[server,node,sdk]'
	@mkdir -p .make && touch $(STAMP)

clean:
	rm -rf .make build dist *.egg-info demo-data
