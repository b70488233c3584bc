"""``rt-gait health``, as a container's health check calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from run_world import World
from test_metrics_server import TOKEN, free_port, serving

from rt_gait.monitoring.monitor import STALE_SECS, STUCK_SECS

HEAVY = ("numpy", "cv2", "onnxruntime", "scipy", "av", "pydantic_settings", "rt_gait.types")


def health(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run it; return its exit code, standard output and standard error."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RT_GAIT_METRICS")}
    done = subprocess.run(
        [sys.executable, "-m", "rt_gait", "health", *arguments],
        capture_output=True,
        text=True,
        env=clean | variables,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def world() -> World:
    made = World("gate")
    made.builders["gate"].source_state("online")
    made.monitor.tick()
    made.frame("gate")
    return made


def test_one_line_and_an_exit_code(world: World) -> None:
    with serving(world) as address:
        where = f":{address.port}"
        assert health(where) == (0, "ready\n", "")
        assert health(where, "--live") == (0, "alive\n", "")
        assert health(f"http://localhost:{address.port}/") == (0, "ready\n", "")
        assert health(RT_GAIT_METRICS=f"0.0.0.0:{address.port}") == (0, "ready\n", "")
        world.clock.secs += STALE_SECS + 1
        assert health(where) == (1, "not ready: gate: no frame for 11 s\n", "")
        assert health(where, "--live") == (0, "alive\n", "")
        world.clock.secs += STUCK_SECS
        code, said, _ = health(where, "--live")
        assert (code, said) == (1, "not alive: the main loop has been stuck for 71 s\n")


def test_the_token_comes_from_the_environment(world: World) -> None:
    with serving(world, token=TOKEN) as address:
        where = f":{address.port}"
        assert health(where, RT_GAIT_METRICS_TOKEN=TOKEN) == (0, "ready\n", "")
        code, said, told = health(where, RT_GAIT_METRICS_TOKEN="another")
        assert (code, said, told) == (1, "not ready: a bearer token is wanted\n", "")


def test_nobody_there_is_not_ready() -> None:
    code, said, told = health(f":{free_port()}")
    assert (code, told) == (1, "")
    assert said.startswith("not ready: no answer from 127.0.0.1:")
    assert said.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["9464"], ["https://localhost:9464"]])
def test_an_address_that_is_missing_or_makes_no_sense(arguments: list[str]) -> None:
    code, said, told = health(*arguments)
    assert (code, said) == (2, "")
    assert ":9464" in told


def test_it_asks_without_loading_what_is_heavy() -> None:
    program = (
        "import atexit, json, sys; from rt_gait.__main__ import main;"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)))); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "health", f":{free_port()}"],
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "rt_gait.monitoring.ask" in loaded
    assert not [module for module in HEAVY if module in loaded]
