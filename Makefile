# The words of this repository. Everything runs in .venv, made from requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
READY := $(VENV)/.ready
# Its scripts name the folder that it was made in: in a copy or a renamed folder they would run that one's code.
MADE_IN := $(filter-out $(abspath $(VENV)),$(shell cat $(READY) 2>/dev/null))
ifdef MADE_IN
.PHONY: $(READY)
endif

# Nothing in the lock depends on the order, and unpacking takes a core: half of it each.
LOCKED := $(VENV)/bin/pip install -qq --no-deps --require-hashes -r $(VENV)/lock

# No usage statistics leave this machine.
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
# A thread that waits gives its core away soon: on a busy machine training takes a fifth of the time.
export GOMP_SPINCOUNT := 10000
export PATH := $(BIN):$(PATH)
# Two processes run the tests, a file's together since they share what was set up for them, the longest files first
# (tests/longest.py). Each has one thread: on two cores threads of both would wait for each other.
SPREAD := --numprocesses 2 --dist loadfile --no-loadscope-reorder
ALONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1 LOKY_MAX_CPU_COUNT=1

.DEFAULT_GOAL := help
.PHONY: help setup demo repository announce retrain repro pr-preview monitor serve mlflow prefect deploy worker stack stack-stop simulate-year drill test test-slow test-images test-all audit audit-lock passwords lint check format bench bench-serving bench-state bench-decision bench-freshness bench-collection bench-monitoring bench-selective lock screenshots clean

help: ## list these words
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make the environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(None if ok else "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11 …")'
	@echo "the environment: $(VENV) from requirements.lock; with a quick line to the package index about a minute"
	@$(PYTHON) -m venv $(VENV)
ifdef MADE_IN
	@echo "this folder was copied or renamed: its environment is pointed from $(MADE_IN) here"
	@grep -rlIF "$(MADE_IN)" $(VENV)/bin | xargs sed -i.before 's|$(MADE_IN)|$(abspath $(VENV))|g'
	@rm -f $(VENV)/bin/*.before
endif
	@awk '/^[^ ]/ {half = !half} {print > "$(VENV)/lock-" half ".txt"}' requirements.lock
	@$(LOCKED)-0.txt & other=$$!; $(LOCKED)-1.txt; ended=$$?; wait $$other && exit $$ended
	@$(VENV)/bin/pip install -qq --no-deps --no-build-isolation --editable .
	@echo "$(abspath $(VENV))" > $@

demo: repository announce $(READY) ## the whole loop; DATA=<archive.zip or folder> takes the Kaggle files, with CONTRACT=<yaml> any others
ifdef CONTRACT
	mlflow-fraud data bring "$(DATA)" "$(CONTRACT)" --label-delay-days $(or $(LABEL_DELAY_DAYS),0)
else ifdef DATA
	mlflow-fraud data add "$(DATA)" --dataset sparkov
	mlflow-fraud data use sparkov
else
	mlflow-fraud data simulate
	mlflow-fraud data use simulated
endif
	python -m flows.retraining --first
	mlflow-fraud show
	@seconds=$$(( $$(date +%s) - $$(cat $(TOOK).began) )) && rm $(TOOK).began && \
	  echo "$$((seconds / 60)) min $$((seconds % 60)) s" | tee $(TOOK) | sed 's/^/make demo took /' && \
	  sort -rn -k1,1 -k3,3 $(TOOK) $$(ls $(TOOK).longest 2>/dev/null) | head -n 1 > $(TOOK).new && mv $(TOOK).new $(TOOK).longest

# DVC and the record of a model need git and a commit: said before packages are installed.
repository:
	@git rev-parse --verify --quiet HEAD >/dev/null 2>&1 || { echo "error: this folder is in no git repository with a commit, or git is not installed; clone the project with git, or: git init && git add --all && git commit -m start"; exit 1; }

# What is to come and how long it took the last time, before anything else.
TOOK := .local/took/demo-$(if $(CONTRACT),own,$(if $(DATA),sparkov,simulated))
USUAL := the first time it takes three and a half to six minutes on two cores, packages included
ifdef CONTRACT
USUAL := how long it takes goes by the rows: about six minutes for 600,000 on two idle cores, packages not included
else ifdef DATA
USUAL := the first time it takes about six minutes for 600,000 rows and twenty for 1.85 million on two idle cores, packages not included
endif
announce:
	@mkdir -p $(dir $(TOOK)) && date +%s > $(TOOK).began
	@echo "make demo goes through the whole loop on this machine; nothing leaves it:"
	@echo "  environment -> data -> validation -> features -> three candidates -> comparison -> the best one live"
	@if [ -f $(TOOK) ]; then echo "  it took $$(cat $(TOOK)) the last time, $$(cat $(TOOK).longest) at most; what has not changed since is not done again"; \
	  else echo "  $(USUAL)"; fi

retrain: repository $(READY) ## validate, train, compare and promote what has changed
	python -m flows.retraining

repro: repository $(READY) ## bring every file of the DVC graph up to date
	dvc repro

pr-preview: repository $(READY) ## what a pull request of what lies here would be told, as a page; into main, or BASE=<branch>
	mlflow-fraud review preview "$(or $(BASE),main)"

monitor: repository $(READY) ## watch the live release on months without and with a new kind of fraud
	mlflow-fraud data stream --scenario stable
	python -m flows.monitoring .local/stream/stable/*.csv
	mlflow-fraud data stream --scenario new-pattern
	python -m flows.monitoring .local/stream/new-pattern/*.csv

serve: $(READY) ## the scoring service on port 8000, or PORT=…
	mlflow-fraud record seed
	mlflow-fraud serve $(if $(PORT),--port $(PORT))

mlflow: $(READY) ## MLflow's pages on port 5000
	python -m mlflow_fraud.operations.tracking.moved
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow server --host 127.0.0.1 --port 5000 --workers 1 \
	  --backend-store-uri sqlite:///.local/mlflow.db --artifacts-destination .local/mlflow-artifacts

prefect: $(READY) ## Prefect's pages on port 4200
	prefect server start --host 127.0.0.1 --port 4200

deploy: repository $(READY) ## the deployments on the Prefect server of PREFECT_API_URL
	python -m flows.deploy

worker: repository $(READY) ## a worker for it, in a clone of its own
	@exec python -m flows.worker

passwords: ## draw the passwords of compose.yaml into .env; those that are there stay
	@umask 077; { awk 1 .env 2>/dev/null; grep -qs ^AWS_ACCESS_KEY_ID= .env || echo AWS_ACCESS_KEY_ID=fraud; \
	  for name in AWS_SECRET_ACCESS_KEY DATABASE_PASSWORD PREFECT_PASSWORD MLFLOW_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY; do \
	    grep -qs "^$$name=" .env || echo "$$name=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(24))')"; done; } > .env.new && mv .env.new .env

stack: repository $(READY) ## git, database, S3 server, MLflow, Prefect, worker and service as real processes on this machine
	python -m stack start

stack-stop: $(READY) ## end them
	python -m stack stop

simulate-year: repository $(READY) ## play a bank's year on such a stack: payments, late labels, new fraud, a broken feed; nothing by hand
	python -m rehearsal year

drill: repository $(READY) ## lose database, store, releases, service, worker and their disks on such a stack while payments go on, and get them back
	python -m rehearsal drill

test: $(READY) ## the fast tests
	$(ALONE) python -m pytest $(SPREAD)

test-slow: $(READY) ## the slow tests: real servers, whole runs
	$(ALONE) python -m pytest -m slow $(SPREAD)

test-images: $(READY) ## the images, built and run; skipped where no container engine answers
	python -m pytest -m images tests/e2e/test_images.py

test-all: test test-slow test-images ## all tests

lint: $(READY) ## style, types, import directions, workflows, image file
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	actionlint .github/workflows/*.yml
	zizmor --offline --quiet --persona auditor .github
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	hadolint Dockerfile

# Without --strict what the index does not know would be skipped, and the end be good.
AUDIT := $(VENV)/audit
audit: ## secrets in the files and in their history, known holes in what is locked; asks the package index
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/pip install -qq --no-deps --require-hashes -r .github/audit.lock
	$(AUDIT)/bin/kingfisher scan . --no-validate --no-update-check
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

audit-lock: ## write .github/audit.lock anew, which has the auditors (needs uv)
	uv pip compile .github/audit.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --output-file .github/audit.lock

check: lint test-all ## all that CI runs, but for the audit

format: $(READY) ## put the code into shape
	ruff format .
	ruff check --fix .

bench: $(READY) ## measure against a named baseline
	python -m benchmarks

bench-serving: $(READY) ## what the service takes beside two other servers, and its curve: the figures of docs/serving.md
	python -m benchmarks.serving

bench-state: $(READY) ## what the service's past costs: the figures of docs/serving.md
	python -m benchmarks.state

bench-decision: $(READY) ## how often the verdict is wrong: the figures of docs/verdict.md
	OPENBLAS_NUM_THREADS=1 python -m benchmarks.decision

bench-freshness: $(READY) ## how fresh what is live stays: the figures of docs/freshness.md
	OPENBLAS_NUM_THREADS=1 python -m benchmarks.freshness

bench-collection: $(READY) ## how often a good week of the record is refused: the figures of docs/collection.md
	OPENBLAS_NUM_THREADS=1 python -m benchmarks.collection

bench-monitoring: $(READY) ## how often monitoring alarms in vain, how soon it notices: the figures of docs/monitoring.md
	OPENBLAS_NUM_THREADS=1 python -m benchmarks.monitoring

bench-selective: $(READY) ## what weights mend where only alerts are looked into: the figures of docs/selective.md
	OPENBLAS_NUM_THREADS=1 python -m benchmarks.selective

lock: ## write requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --output-file requirements.lock

screenshots: $(READY) ## take the pictures in docs/ again (needs Chromium)
	python docs/screenshots.py

clean: ## forget local runs, models and data; what git and DVC pin stays
	rm -rf .local data/models/*/model data/features data/decision/verdict.json data/decision/report.html data/validation data/monitoring data/transactions.parquet
