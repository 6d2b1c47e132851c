# Every target sets up .venv by itself on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

RUNTIMES := $(patsubst %,.venv-runtimes/%/.installed,$(subst ==,@,$(shell cat tests/runtimes/runtimes.txt)))

# Workers and child processes of the tests read what the first of them has compiled, where
# the environment would have every process compile it anew, too.
test test-slow: export PYTHONDONTWRITEBYTECODE =

.PHONY: quickstart test test-slow test-backends test-quantization test-runtimes audit lint format demo-site test-web android test-android clean

quickstart: $(INSTALLED)
	$(BIN)/sphereface quickstart --out runs/quickstart

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow -n auto --dist worksteal --timeout 1800 -o faulthandler_timeout=1900

# What imports Keras only, on Keras' other backends; x64, so that oracles see errors.
BACKEND_TESTS := tests/heads $(wildcard tests/losses) tests/backbones \
  tests/test_face_classifier.py tests/test_face_classifier_steps.py \
  tests/test_face_classifier_model_parallel.py

test-backends: .venv-jax/.installed .venv-torch/.installed .venv-jax-training/.installed
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 \
	  .venv-jax/bin/python -m pytest -n auto --dist loadfile $(BACKEND_TESTS)
	KERAS_BACKEND=torch \
	  .venv-torch/bin/python -m pytest -n auto --dist loadfile $(BACKEND_TESTS)
	KERAS_BACKEND=jax XLA_FLAGS=--xla_force_host_platform_device_count=2 \
	  .venv-jax-training/bin/python -m pytest -m slow -n 0 tests/training/distribution/test_jax.py

# Needs absl-py 1, hence an environment of its own.
test-quantization: .venv-quantization/.installed
	.venv-quantization/bin/python -m pytest tests/quantization_training

# Each TFLite runtime in an environment of its own; 8 GB.
test-runtimes: $(INSTALLED) $(RUNTIMES)
	$(BIN)/python -m pytest -m slow -s tests/runtimes

# The web demo: types, the contract cases, and the page in Chromium against the package.
test-web: .venv/.installed-web mobile_demo/web/node_modules/.installed
	cd mobile_demo/web && npm run check && npm test && npm run build
	BUNDLE=$(BUNDLE) $(BIN)/python -m pytest -m web tests/demo_server tests/mobile_demo

.venv/.installed-web: requirements-web.txt $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-web.txt
	@touch $@

mobile_demo/web/node_modules/.installed: mobile_demo/web/package-lock.json
	@.ci/install npm=npm chromium=chromium
	@command -v npm >/dev/null || { echo 'error: npm is missing: apt-get install npm' >&2; exit 2; }
	cd mobile_demo/web && npm ci
	@touch $@

# The Android app's parts on the JVM; needs JDK 17 and Maven.
ANDROID_TOOLS := javac=openjdk-17-jdk-headless mvn=maven aapt2=aapt apksigner=apksigner \
  zipalign=zipalign dexdump=dexdump zip=zip unzip=unzip readelf=binutils \
  $(if $(wildcard /usr/share/android-framework-res),,-=android-framework-res)
APP_BUNDLE := $(or $(BUNDLE),runs/quickstart/bundle)

# The app with a bundle; the packages of Debian that it needs are in mobile_demo/README.md.
android:
	@.ci/install $(ANDROID_TOOLS)
	mobile_demo/android/build.sh $(APP_BUNDLE)
	mobile_demo/android/check_apk.sh
	mobile_demo/android/check_dex.sh $(APP_BUNDLE)

test-android: $(INSTALLED)
	@.ci/install $(ANDROID_TOOLS)
	mobile_demo/android/test.sh $(APP_BUNDLE)

# Published holes of all pinned packages; asks PyPI's database.
audit: .venv-audit/.installed
	.venv-audit/bin/pip-audit --no-deps --disable-pip -r requirements.txt

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The web demo's page for a wheel that is built next; needs Node.js.
demo-site:
	cd mobile_demo/web && npm ci && npm run build
	rm -rf tf_sphereface/demo_site
	cp -r mobile_demo/web/dist tf_sphereface/demo_site

clean:
	rm -rf tf_sphereface/demo_site mobile_demo/web/dist mobile_demo/web/node_modules
	rm -rf mobile_demo/android/build mobile_demo/android/*/target
	rm -rf .venv .venv-audit .venv-runtimes .venv-jax .venv-jax-training .venv-torch .venv-quantization build dist *.egg-info .pytest_cache .ruff_cache runs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define CHECK_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  || { echo 'error: Python 3.11 to 3.13 is needed; say make PYTHON=python3.11' >&2; exit 2; }
endef

$(INSTALLED): requirements.txt setup.cfg pyproject.toml
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv-quantization/.installed: requirements.txt requirements-quantization.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-quantization
	.venv-quantization/bin/pip install --quiet --disable-pip-version-check \
	  -r requirements.txt
	.venv-quantization/bin/pip install --quiet --disable-pip-version-check \
	  -r requirements-quantization.txt
	.venv-quantization/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv-audit/.installed:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	@touch $@

# NumPy 1, that the older ones were compiled with, works for all.
.venv-runtimes/%/.installed: tests/runtimes/runtimes.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-runtimes/$*
	.venv-runtimes/$*/bin/pip install --quiet --disable-pip-version-check --no-compile \
	  $(subst @,==,$*) 'numpy<2'
	@touch $@

# TensorFlow too, whose tf.data feeds the training.
.venv-jax-training/.installed: requirements.txt requirements-jax-training.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-jax-training
	.venv-jax-training/bin/pip install --quiet --disable-pip-version-check \
	  -r requirements.txt -r requirements-jax-training.txt
	.venv-jax-training/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv-%/.installed: requirements-%.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check -r requirements-$*.txt
	@touch $@
