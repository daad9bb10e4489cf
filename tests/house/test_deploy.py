"""What deploy/ says, checked as far as that goes without an engine: it parses, its parts name each other, none is root.

The commands that it starts are run through the command line's own parser, so that an option which was renamed is found
here; the units go through systemd-analyze where there is one.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from typer.main import get_command

from mnemon._version import __version__
from mnemon.core.settings import Settings
from mnemon.doors.cli.application import application
from mnemon.doors.http.options import ServeOptions
from tests.db.own_server import OwnServer

from .helpers import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text(encoding="utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DOCKERFILES = [DEPLOY / "docker" / "Dockerfile", DEPLOY / "docker" / "Dockerfile.pgbouncer"]
#: What other programs than Mnemon read.
FOREIGN = {
    *("POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"),
    *("MNEMON_APP_PASSWORD", "MNEMON_WORKER_PASSWORD"),
}


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for manifest in MANIFESTS:
        if manifest["kind"] in {"Deployment", "Job"}:
            yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for _, pod in pods():
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            yield pod, container


def commands() -> list[list[str]]:
    """Every command line of `mnemon` that something here starts."""
    found = [service["command"] for service in COMPOSE["services"].values() if service.get("image") == "mnemon"]
    found += [container["args"] for _, container in containers() if container["image"].startswith("mnemon:")]
    for unit in UNITS:
        match = re.search(r"^ExecStart=/opt/mnemon/bin/mnemon (.+)$", unit.read_text(), flags=re.MULTILINE)
        found += [match[1].split()] if match else []
    return found


def test_there_is_something_to_check() -> None:
    assert len(list(containers())) >= 4
    assert len(commands()) >= 6
    assert len(UNITS) == 3


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_that_is_started_exists(arguments: list[str]) -> None:
    command: Any = get_command(application())  # an option or a command that there is none of is an error
    context = command.make_context("mnemon", list(arguments), resilient_parsing=False)
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        _, command, rest = command.resolve_command(context, rest)
        context = command.make_context(command.name, rest, parent=context)
    assert context.command.name == next(word for word in reversed(arguments[:2]) if word.isalpha())


def test_every_variable_is_a_setting() -> None:
    named = {name for service in COMPOSE["services"].values() for name in service.get("environment", ())}
    named |= {entry["name"] for _, container in containers() for entry in container.get("env", ())}
    known = {name.upper() for name in Settings.model_fields}
    assert "DATABASE_POOLER" in named
    assert {name.removeprefix("MNEMON_") for name in named - FOREIGN} <= known


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_run_as_nobody_special_and_copy_what_there_is(path: Path) -> None:
    lines = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8")).splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    users = [line[1] for line in words if line[0] == "USER"]
    assert users == ["10001:10001"]
    last = [line[0] for line in words]
    assert last.index("USER") > max(index for index, word in enumerate(last) if word in {"RUN", "FROM"})
    allowed = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text().split()
    for line in words:
        if line[0] == "COPY" and not line[1].startswith("--from"):
            for source in line[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in allowed, f"{source} would not reach the build"
        if line[0] == "FROM":
            assert ":" in line[1], "an image without a tag is another one tomorrow"
            assert not line[1].endswith(":latest")


def test_the_mnemon_image_is_built_in_two_stages_from_the_lock() -> None:
    text = DOCKERFILES[0].read_text(encoding="utf-8")
    assert len(re.findall(r"^FROM ", text, flags=re.MULTILINE)) == 2
    assert "--require-hashes --no-deps -r requirements/server.txt" in text
    assert "hatchling==" in (ROOT / "requirements" / "server.txt").read_text(), "--no-build-isolation needs it"


def test_compose_names_only_what_it_has_and_publishes_nothing() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if how["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "no", f"{other} never completes"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / "docker" / source).exists(), volume
        if build := service.get("build"):
            assert (DEPLOY / "docker" / build["context"] / build["dockerfile"]).resolve().exists()
            assert (DEPLOY / "docker" / build["context"]).resolve() == ROOT
        assert "ports" not in service, f"{name} can be reached from outside"
        assert "privileged" not in service
        if name != "postgres":
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]


def test_no_secret_is_written_down() -> None:
    text = (DEPLOY / "docker" / "compose.yaml").read_text()
    wanted = set(re.findall(r"\$\{(\w+)", text))
    shown = re.findall(r"^(\w+)=(.*)$", (DEPLOY / "docker" / ".env.example").read_text(), flags=re.MULTILINE)
    assert {name for name, _ in shown} == wanted
    assert not any(value for _, value in shown)
    for url in re.findall(r"postgresql://[^:]+:([^@]+)@", text):
        assert url.startswith("${"), "a password stands in compose.yaml"
    for _, container in containers():
        for entry in container.get("env", ()):
            if "URL" in entry["name"] or "KEY" in entry["name"]:
                assert "secretKeyRef" in entry["valueFrom"]


def test_manifests_are_locked_down_and_refer_to_what_there_is() -> None:
    secrets = {m["metadata"]["name"]: set(m["stringData"]) for m in MANIFESTS if m["kind"] == "Secret"}
    for pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is False
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= set(container["resources"])
        assert container["image"].endswith(f":{__version__}"), "the manifests name another version"
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        for entry in container.get("env", ()):
            if "valueFrom" in entry:
                reference = entry["valueFrom"]["secretKeyRef"]
                assert reference["key"] in secrets[reference["name"]]


def test_services_and_deployments_select_pods_that_there_are() -> None:
    labels = [m["spec"]["template"]["metadata"]["labels"] for m in MANIFESTS if m["kind"] in {"Deployment", "Job"}]
    for manifest in MANIFESTS:
        if manifest["kind"] == "Deployment":
            chosen = manifest["spec"]["selector"]["matchLabels"]
            assert chosen.items() <= manifest["spec"]["template"]["metadata"]["labels"].items()
        if manifest["kind"] == "Service":
            assert sum(manifest["spec"]["selector"].items() <= found.items() for found in labels) == 1


def test_a_worker_gets_the_time_that_it_was_promised() -> None:
    (pod,) = [pod for name, pod in pods() if name == "mnemon-worker"]
    (container,) = pod["containers"]
    grace = float(container["args"][container["args"].index("--grace") + 1])
    assert pod["terminationGracePeriodSeconds"] > grace
    unit = (DEPLOY / "systemd" / "mnemon-worker.service").read_text()
    stop, promised = re.search(r"TimeoutStopSec=(\d+)", unit), re.search(r"--grace (\d+)", unit)
    assert stop
    assert promised
    assert int(stop[1]) > int(promised[1])


def test_http_has_the_time_to_finish_and_is_looked_at() -> None:
    (pod,) = [pod for name, pod in pods() if name == "mnemon-http"]
    (container,) = pod["containers"]
    grace = ServeOptions().grace
    assert pod["terminationGracePeriodSeconds"] > grace + 5  # and what it sleeps before it is told
    for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        assert container[probe]["httpGet"]["path"] == path
    assert container["ports"][0]["containerPort"] == ServeOptions().port
    kinds = {m["kind"] for m in MANIFESTS if m["metadata"]["name"] == "mnemon-http"}
    assert {"Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"} <= kinds
    unit = (DEPLOY / "systemd" / "mnemon-http.service").read_text()
    stop = re.search(r"TimeoutStopSec=(\d+)", unit)
    assert stop
    assert int(stop[1]) > grace
    assert int(COMPOSE["services"]["http"]["stop_grace_period"].removesuffix("s")) > grace


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_units(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    for section in ("[Unit]", "[Service]", "[Install]"):
        assert section in text
    assert re.search(r"^(User=(?!root)|DynamicUser=yes)", text, flags=re.MULTILINE), "it would run as root"
    assert "NoNewPrivileges=yes" in text
    program = shutil.which("systemd-analyze")
    if program is not None:
        # Its programs are not installed here: one that is takes their place.
        (tmp_path / unit.name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
        result = subprocess.run(
            [program, "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True, check=False
        )
        complaints = [line for line in result.stderr.splitlines() if unit.name in line]
        assert not complaints


async def test_the_login_script_makes_a_login_and_may_run_twice() -> None:
    script = DEPLOY / "docker" / "login.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    server = OwnServer()
    try:
        connection = await asyncpg.connect(server.url())
        await connection.execute("CREATE ROLE mnemon_app; CREATE ROLE mnemon_worker IN ROLE mnemon_app")
        await connection.close()
        for password in ("first-one", "it's the 'second'"):
            environment = {
                "PATH": f"{server.programs}:{os.environ['PATH']}",
                "DATABASE_OWNER_URL": server.url(),
                "MNEMON_APP_PASSWORD": password,
                "MNEMON_WORKER_PASSWORD": password[::-1],
            }
            process = await asyncio.create_subprocess_exec("sh", str(script), env=environment)
            assert await process.wait() == 0
            for login, secret, worker in (
                ("mnemon_login", password, False),
                ("mnemon_worker_login", password[::-1], True),
            ):
                connection = await asyncpg.connect(
                    host="127.0.0.1", port=server.port, user=login, password=secret, database="postgres"
                )
                assert await connection.fetchval("SELECT pg_has_role(current_user, 'mnemon_app', 'MEMBER')")
                found = await connection.fetchval("SELECT pg_has_role(current_user, 'mnemon_worker', 'MEMBER')")
                assert found == worker
                await connection.close()
    finally:
        server.close()
