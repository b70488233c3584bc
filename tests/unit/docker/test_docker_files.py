"""What the container files name exists: files, commands, options, stages. No engine runs them here.

Both kinds of file are read as lines, in the plain form they are kept in.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from rt_gait.cli.app import app
from rt_gait.listening.address import METRICS, address_variable, parse_address, token_variable
from rt_gait.serving.tensorrt import compiler

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
COMPOSE = (DOCKER / "compose.yaml").read_text()

TRITON_OPTIONS = {
    "--model-repository",
    "--model-control-mode",
    "--disable-auto-complete-config",
    "--strict-readiness",
    "--exit-on-error",
    "--exit-timeout-secs",
}
"""As ``tritonserver --help`` of 2.51 lists them."""
PERF_OPTIONS = {"-m", "-u", "-i", "--concurrency-range", "--percentile"}
"""As ``perf_analyzer --help`` of 2.51 lists them."""


def instructions(path: Path) -> list[tuple[str, str]]:
    """Keyword and the rest of every instruction of a Dockerfile."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def services() -> dict[str, list[str]]:
    """Name to the lines of every service, with those of the anchor it starts from."""
    anchors = dict(re.findall(r"^x-\w+: &(\w+)\n((?:  .*\n)+)", COMPOSE, flags=re.M))
    body = COMPOSE[COMPOSE.index("services:\n") :]
    found = re.findall(r"^  ([\w-]+):\n((?:(?:    .*)?\n)+)", body, flags=re.M)
    out = {}
    for name, text in found:
        base = re.search(r"^    <<: \*(\w+)$", text, flags=re.M)
        lines = [line.strip() for line in ((anchors[base[1]] if base else "") + text).splitlines()]
        out[name] = [line for line in lines if line]
    return out


SERVICES = services()


def options(*command: str) -> set[str]:
    """Every option of one of rt-gait's commands."""
    found = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]  # type: ignore[attr-defined]
    return {o for p in found.params for o in (*p.opts, *p.secondary_opts)}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_what_is_copied_exists_and_reaches_the_engine(path: Path) -> None:
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert kept[0] == "*"
    for word, rest in instructions(path):
        if word == "COPY":
            *sources, _target = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source.split('/')[0]}" in kept, f".dockerignore leaves out {source}"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_nothing_runs_as_root(path: Path) -> None:
    stages: list[list[str]] = []
    for word, rest in instructions(path):
        if word == "FROM":
            stages.append([])
        if word == "USER":
            stages[-1].append(rest)
    assert [users[-1] for users in stages] == ["1000:1000"] * len(stages)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_images_have_a_tag_and_nothing_is_fetched_unpinned(path: Path) -> None:
    given = dict(r.partition("=")[::2] for w, r in instructions(path) if w == "ARG")
    for word, rest in instructions(path):
        if word == "FROM":
            image = re.sub(r"\$\{(\w+)\}", lambda m: given[m[1]], rest.split()[0])
            assert re.search(r":[\w.-]+$", image), image
            assert not image.endswith(":latest")
        if word == "RUN" and "pip install" in rest:
            assert re.search(r"--require-hashes|--no-deps|==", rest), rest


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("hadolint has no wheel for this system")
    done = subprocess.run([hadolint, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_commands_of_the_images_exist() -> None:
    found = {p.name: dict(instructions(p)) for p in DOCKERFILES}
    program, *arguments = json.loads(found["app.Dockerfile"]["ENTRYPOINT"])
    assert (program, arguments) == ("/opt/venv/bin/rt-gait", [])
    builder = json.loads(found["server.Dockerfile"]["ENTRYPOINT"])
    assert builder[:3] == ["/opt/venv/bin/rt-gait", "models", "build"]
    assert set(builder[3::2]) <= options("models", "build")
    server = next(
        json.loads(rest)
        for word, rest in instructions(DOCKER / "server.Dockerfile")
        if word == "CMD" and "tritonserver" in rest
    )
    assert {part.partition("=")[0] for part in server[1:]} <= TRITON_OPTIONS
    assert "--model-control-mode=none" in server


def test_every_service_is_chosen_by_a_profile() -> None:
    profiles = {
        name: re.findall(r"profiles: \[(\w+)\]", "\n".join(s)) for name, s in SERVICES.items()
    }
    assert profiles == {
        "server-jetson": ["jetson"],
        "server-x86": ["x86"],
        "build-jetson": ["build"],
        "build-x86": ["build"],
        "app-jetson": ["jetson"],
        "app-x86": ["x86"],
        "perf-jetson": ["perf"],
        "perf-x86": ["perf"],
    }


def test_the_server_is_for_this_machine_and_reads_only() -> None:
    for name in ("server-jetson", "server-x86"):
        lines = SERVICES[name]
        (ports,) = [line for line in lines if line.startswith("ports:")]
        published = json.loads(ports.partition(": ")[2])
        assert [p.rpartition(":")[2] for p in published] == ["8000", "8001", "8002"]
        assert all(p.startswith("127.0.0.1:") for p in published)
        assert 'volumes: ["${ENGINES:-../engines}:/models:ro"]' in lines
        assert 'user: "1000:1000"' in lines
        assert "runtime: nvidia" in lines


def test_the_app_on_a_jetson_has_its_devices() -> None:
    lines = "\n".join(SERVICES["app-jetson"])
    assert "runtime: nvidia" in lines
    assert "${CAMERA:-/dev/video0}:/dev/video0" in lines
    assert (
        "source: /run/jtop.sock\ntarget: /run/jtop.sock\nbind: { create_host_path: false }" in lines
    )
    assert not re.search(r"[\w.]\.sock:", COMPOSE), "the short form makes a folder of that name"
    assert "${JTOP_GID:-999}" in lines
    assert "JETSON_STATS:" in lines
    assert "condition: service_healthy" in lines
    assert ("ARG", 'JETSON_STATS=""') in instructions(DOCKER / "app.Dockerfile")


@pytest.mark.parametrize("name", ["app-jetson", "app-x86"])
def test_the_apps_options_exist(name: str) -> None:
    given = [line[2:].partition("=")[0] for line in SERVICES[name] if line.startswith("- --")]
    assert len(given) >= 4
    assert set(given) <= options()


@pytest.mark.parametrize("name", ["perf-jetson"])
def test_perf_analyzers_options_exist(name: str) -> None:
    given = {line[2:].partition("=")[0] for line in SERVICES[name] if line.startswith("- -")}
    assert given == PERF_OPTIONS


def test_dockerfiles_and_stages_that_compose_names_exist() -> None:
    for path in re.findall(r"dockerfile: ([\w./-]+)", COMPOSE):
        assert (ROOT / path).is_file()
    stages = re.findall(r"^FROM .* AS (\w+)$", (DOCKER / "server.Dockerfile").read_text(), re.M)
    assert set(re.findall(r"target: (\w+)", COMPOSE)) == set(stages)


def test_the_command_that_rt_gait_offers_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "installed", lambda: None)
    with pytest.raises(compiler.ModelError) as caught:
        compiler.find_compiler()
    said = str(caught.value)
    named = re.search(r"docker compose -f (\S+) run --rm (\S+) (\S+) (--\w+)", said)
    assert named
    assert (ROOT / named[1]).is_file()
    assert {named[2], "build-x86"} <= set(SERVICES)
    assert (ROOT / "model_repository" / named[3]).is_dir()
    assert named[4] in options("models", "build")
    assert (ROOT / "docs" / "docker.md").is_file()


def test_the_guide_names_only_what_exists() -> None:
    guide = (ROOT / "docs" / "docker.md").read_text()
    for name in re.findall(r"(?:run --rm|logs|exec) ((?:server|build|app|perf)-\w+)", guide):
        assert name in SERVICES
    for path in re.findall(r"-f (\S+\.yaml)", guide):
        assert (ROOT / path).is_file()
    known = set().union(
        *(options(*c) for c in ((), ("models", "build"), ("models", "check"), ("enroll",)))
    )
    for line in re.findall(r"^    .*rt-gait (.*)$", guide, flags=re.M):
        assert {o for o in re.findall(r"--[\w-]+", line)} <= known, line


def test_the_context_leaves_out_what_is_private() -> None:
    kept = [k[1:] for k in (ROOT / ".dockerignore").read_text().splitlines() if k[0] == "!"]
    for private in ("people.gallery", ".venv", "engines", "data", ".git", "out"):
        assert not any(fnmatch.fnmatch(private, k) for k in kept)


def test_the_health_check_of_the_app_asks_where_its_runs_answer() -> None:
    found = dict(instructions(DOCKER / "app.Dockerfile"))
    name, _, where = found["ENV"].partition("=")
    assert name == address_variable(METRICS)
    assert parse_address(where).loopback
    program, command = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    assert program == json.loads(found["ENTRYPOINT"])[0]
    assert options(command)
    for name in ("app-jetson", "app-x86"):
        passed = {line.partition(":")[0] for line in SERVICES[name]}
        assert {address_variable(METRICS), token_variable(METRICS)} <= passed
