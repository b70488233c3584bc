# make demo   install, then recognise people in the sample video
# make test   install, then run the tests
# make faults  break things: a real RTSP camera, Triton, a broker, disks, clocks; a table of figures
# make train  add what training and the synthetic walkers need (torch, Anny); their tests then run too
# make triton serve the models with a real Triton on this machine, until Ctrl-C
# make broker install an MQTT broker for the tests, where mosquitto is not installed
# make lint   format, style, types and layers
# make bench  tracking accuracy and stage times (RT_GAIT_DATA names the folder of the videos)

PYTHON ?= python3
VENV ?= .venv
OUT ?= out
BIN := $(VENV)/bin
DEBIAN := python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base \
	gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly gstreamer1.0-rtsp mosquitto faketime

.PHONY: demo test faults camera train triton broker lint bench sample-gallery clean

demo: $(VENV)/core.done
	mkdir -p $(OUT)
	$(BIN)/rt-gait --video samples/crossing.mp4 --gallery samples/people.gallery \
		--save $(OUT)/demo.mp4 --events $(OUT)/demo.jsonl --headless --overwrite
	$(BIN)/rt-gait replay $(OUT)/demo.jsonl
	@echo "Watch $(OUT)/demo.mp4; the event log is $(OUT)/demo.jsonl"

test: $(VENV)/dev.done
	@$(MAKE) --no-print-directory $(VENV)/triton.done || \
		echo "Triton cannot be installed here: the tests that need a server are skipped"
	@$(MAKE) --no-print-directory broker || \
		echo "no MQTT broker can be installed here: the tests that need one are skipped"
	$(BIN)/python -m pytest

# The soak alone takes half an hour.
faults: $(VENV)/dev.done
	@$(MAKE) --no-print-directory $(VENV)/triton.done || \
		echo "Triton cannot be installed here: the tests that need a server are skipped"
	@$(MAKE) --no-print-directory broker || \
		echo "no MQTT broker can be installed here: the tests that need one are skipped"
	@$(MAKE) --no-print-directory camera
	mkdir -p $(OUT)
	$(BIN)/python -m pytest tests/faults tests/security tests/e2e/test_triton.py \
		-m "slow or not slow" --figures $(OUT)/faults.md

# What only Debian's packages have: an RTSP server, a broker in C, a library that fakes the clock.
camera:
	@/usr/bin/python3 tests/rtsp_camera.py 2>/dev/null && test -e /usr/lib/*/faketime/libfaketimeMT.so.1 || \
		{ test "$$(id -u)" = 0 && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends $(DEBIAN) >/dev/null; } || \
		echo "no RTSP server can be installed here (that needs root, and Debian's packages" \
			"$(DEBIAN)): the tests that need one are skipped"

train: $(VENV)/train.done

triton: $(VENV)/core.done $(VENV)/triton.done
	$(BIN)/rt-gait serve --venv $(VENV)/triton

broker: $(VENV)/broker.done

lint: $(VENV)/dev.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.done
	@test -d "$(RT_GAIT_DATA)" || { echo "RT_GAIT_DATA should name the folder of the videos"; exit 2; }
	$(BIN)/rt-gait bench pipeline --people 1,5,20 --model gei
	$(BIN)/rt-gait bench pipeline --video samples/crossing.mp4
	$(BIN)/python -m rt_gait.bench.rivals --mot15 $(RT_GAIT_DATA)/mot15
	$(BIN)/python -m rt_gait.bench.rivals --gt $(RT_GAIT_DATA)/mot15/PETS09-S2L1/gt.txt \
		--video $(RT_GAIT_DATA)/video/vtest.avi
	$(BIN)/python -m rt_gait.bench.rivals --gt $(RT_GAIT_DATA)/mot15/TUD-Campus/gt.txt \
		--video $(RT_GAIT_DATA)/video/TUD-Campus.mp4

# Needed again whenever the weights of person_seg or the enrolment clips change.
sample-gallery: $(VENV)/core.done
	rm -f samples/people.gallery*
	for name in anna ben chloe david; do \
		$(BIN)/rt-gait enroll --subject $$name --video samples/enrol_$$name.mp4 \
			--gallery samples/people.gallery || exit; \
	done

clean:
	rm -rf $(VENV) $(OUT) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The versions are pinned and checked against their hashes; pip's own index settings apply.
# core.txt is what pyproject.toml asks for and hatchling, dev.txt has the extra dev; both come from
#   uv pip compile pyproject.toml [--extra dev] --universal --python-version 3.10 --generate-hashes
$(VENV)/core.done: requirements/core.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/core.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev.done: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/train.done: $(VENV)/dev.done
	$(BIN)/pip install --quiet torch==2.13.0 anny==0.6.2
	touch $@

# Triton has an environment of its own, inside the other: it needs an older numpy.
$(VENV)/triton.done: rt_gait/serving/server/requirements.txt
	$(BIN)/python -m rt_gait.serving.server.install $(VENV)/triton
	touch $@

# An MQTT broker in pure Python, in an environment of its own, like Triton.
$(VENV)/broker.done: requirements/broker.txt $(VENV)/dev.done
	$(PYTHON) -m venv $(VENV)/broker
	$(VENV)/broker/bin/pip install --quiet --require-hashes -r requirements/broker.txt
	touch $@
