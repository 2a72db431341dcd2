"""A study: a data set, networks with every setting that varies, conditions, and a budget.

Studies are YAML files, in this folder or anywhere else; they are read with safe_load and checked
strictly. Where `networks` is the name of another study, its networks are taken, with its defaults
and fine tuning beneath this study's own; of its families, so many as `drawn_families` says, in the
order of the draw, behind the first `drawn_before`. A study that `joined` others, trained apart,
has their networks (`Study.holder`) and their tables (results/tables.py). A network's settings, with
those of its ancestors, make its key: results that carry the same key were made by the same
settings.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import yaml
from pydantic import Field, ValidationError, model_validator

from paradoxlib import keep, paths
from paradoxlib.images import distortions
from paradoxlib.studies import settings

MOST_ANCESTORS = 100
DRAW = 1  # the seed of the order in which families are drawn
NetworkName = Annotated[str, Field(pattern=r"^[A-Za-z][\w \[\]&-]*$")]


class Study(settings.Strict):
    """The checked settings of a study (see `load`).

    Transplants are evaluated on the first ``transplant_images`` test images (all where there is
    no number), exchanges of parts on ``exchange_images`` (as many as transplants).
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    data: settings.Data
    model: settings.Model
    evaluation: settings.Evaluation = settings.Evaluation()
    transplant_images: settings.Count | None = None
    exchange_images: settings.Count | None = None
    drawn_families: settings.Count | None = None
    drawn_before: int = Field(default=0, ge=0, le=10**9)
    joined: tuple[str, ...] = ()
    networks: dict[NetworkName, settings.Network] = Field(min_length=1)

    @model_validator(mode="after")
    def parents_exist(self) -> Self:
        for name, network in self.networks.items():
            line = [name]
            while (parent := network.parent) is not None:
                if parent not in self.networks:
                    raise ValueError(f"networks.{line[-1]}.parent: there is no network {parent!r}")
                line.append(parent)
                if parent in line[:-1]:
                    raise ValueError(f"networks.{name}.parent: {' -> '.join(line)} is a cycle")
                if len(line) > MOST_ANCESTORS + 1:
                    much = f"it has more ancestors than {MOST_ANCESTORS}"
                    raise ValueError(f"networks.{name}.parent: {much}")
                network = self.networks[parent]
        return self

    @property
    def parents(self) -> dict[str, str | None]:
        """{network: its parent, or None}."""
        return {name: network.parent for name, network in self.networks.items()}

    @cached_property
    def generations(self) -> list[list[str]]:
        """[founders, their children, the children's children ...], each in the file's order."""
        generations: list[list[str]] = []
        last: set[str | None] = {None}
        while children := [name for name, parent in self.parents.items() if parent in last]:
            generations.append(children)
            last = {*children}
        return generations

    @cached_property
    def family_of(self) -> dict[str, str]:
        """{network: the founder of its family}."""
        founder: dict[str | None, str] = {}
        for name in (name for generation in self.generations for name in generation):
            founder[name] = founder.get(self.parents[name], name)
        return {name: first for name, first in founder.items() if name is not None}

    @cached_property
    def families(self) -> dict[str, list[str]]:
        """{founder: [founder, its descendants ...]}, parents before their children."""
        families: dict[str, list[str]] = {founder: [] for founder in self.generations[0]}
        for name, founder in self.family_of.items():
            families[founder].append(name)
        return families

    @property
    def units(self) -> dict[str, str]:
        """{network: what intervals resample}: its family where families were drawn, else itself."""
        drawn = self.drawn_families is not None
        return {name: self.family_of[name] if drawn else name for name in self.networks}

    @property
    def draw(self) -> list[str]:
        """The founders in an order drawn once: the first so many are a sample of the families."""
        order = np.random.default_rng(DRAW).permutation(len(self.families))
        return [list(self.families)[place] for place in order]

    def sampled(self) -> Self:
        """Return the study of its drawn families alone, in the file's order."""
        if self.drawn_families is None:
            return self
        drawn = self.draw[self.drawn_before :][: self.drawn_families]
        if len(drawn) < self.drawn_families:
            behind = f" behind {self.drawn_before}" if self.drawn_before else ""
            many = f"{self.drawn_families} of {len(self.families)} families{behind}"
            raise ValueError(f"drawn_families: {many} cannot be drawn")
        own = {k: v for k, v in self.networks.items() if self.family_of[k] in drawn}
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_construct(**fields | {"networks": own})

    @cached_property
    def parts(self) -> list["Study"]:
        """The studies that it joins."""
        return [load(name) for name in self.joined]

    def require_parts(self) -> None:
        """Raise ValueError where the studies that it joins are not made for it."""
        for part in self.parts:
            if (part.data, part.evaluation) != (self.data, self.evaluation):
                raise ValueError(f"joined: {part.name} has other data, or another evaluation")
        theirs = [name for part in self.parts for name in part.networks]
        if self.joined and sorted(theirs) != sorted(self.networks):
            raise ValueError(f"joined: {', '.join(self.joined)} have other networks than it has")

    def require_own(self) -> None:
        """Raise ValueError for a study that joins others: their networks are trained for them."""
        if self.joined:
            theirs = " and ".join(self.joined)
            raise ValueError(f"study {self.name} has no networks of its own: run {theirs}")

    def holder(self, name: str) -> "Study":
        """Return the study that a network is trained for: one of those that it joins, or itself."""
        return next((part.holder(name) for part in self.parts if name in part.networks), self)

    @property
    def conditions(self) -> list[distortions.Condition]:
        """The list of (distortion, level)."""
        return distortions.conditions(self.evaluation.grid)

    def network(self, name: str) -> settings.Network:
        """Return the settings of a network; an unknown one is a ValueError."""
        if name not in self.networks:
            known = ", ".join(self.networks)
            raise ValueError(f"study {self.name} has no network {name!r}: it has {known}")
        return self.networks[name]

    def epochs_before(self, name: str) -> int:
        """Return for how many epochs a network's ancestors were trained."""
        parent = self.network(name).parent
        return 0 if parent is None else self.networks[parent].epochs + self.epochs_before(parent)

    def network_key(self, name: str) -> str:
        """Return the key of a trained network.

        It stands for the network's settings, its ancestors', the architecture and the training
        data. Defaults are left out, so that a new setting leaves what is done in its place.
        """
        network = self.network(name)
        if (holder := self.holder(name)) is not self:
            return holder.network_key(name)
        own = network.model_dump(exclude={"parent"}, exclude_defaults=True)
        if network.parent:
            return keep.key(own, self.network_key(network.parent))
        images = self.data.model_dump(exclude={"test_images"}, exclude_defaults=True)
        return keep.key(own, [images, self.model.model_dump(exclude_defaults=True)])

    def prediction_key(self, name: str) -> str:
        """Return the key of a network's predictions: its own and that of the evaluation."""
        evaluation = self.evaluation.model_dump(exclude_defaults=True)
        return keep.key(self.network_key(name), evaluation, self.data.test_images)

    def table_key(self, *what: object) -> str:
        """Return the key of a table made from all networks under the study's evaluation."""
        return keep.key({name: self.prediction_key(name) for name in self.networks}, what)


def names() -> list[str]:
    """Return the names of the studies that come with the package."""
    return sorted(path.stem for path in paths.STUDIES.glob("*.yaml"))


def load(name_or_path: str | Path) -> Study:
    """Return a study.

    Parameters
    ----------
    name_or_path : str or Path
        One of `names()`, or the path of a YAML file of your own.

    Raises
    ------
    ValueError
        For an unknown study, or a file with an unknown key, a wrong type, a missing parent or a
        cycle: it names the file and the key.
    FileNotFoundError
        Where there is no such file.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        if str(path) not in names():
            known = ", ".join(names())
            raise ValueError(f"unknown study {str(path)!r}: choose one of {known}, or a YAML file")
        path = paths.STUDIES / f"{path}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"there is no study file {path}")
    try:
        content = complete(settings.read_yaml(path))
        settings.require_modest(content, settings.parts_of_value)
        study = Study.model_validate_json(json.dumps(content, default=str))
        if study.name in names() and path.resolve() != paths.STUDIES / f"{study.name}.yaml":
            taken = "is a study of the package, whose results this one would overwrite"
            raise ValueError(f"name: {study.name} {taken}")
        study = study.sampled()
        study.require_parts()
        return study
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}." for part in first["loc"]).removesuffix(".")
        what = first["msg"].removeprefix("Value error, ")
        if isinstance(first["input"], str | int | float | None):
            what += f" (it is {first['input']!r:.60})"
        raise ValueError(f"{path}: {where}{': ' if where else ''}{what}") from None
    except RecursionError:
        raise ValueError(f"{path}: it is nested too deeply for a study") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def complete(content: dict[str, Any]) -> dict[str, Any]:
    """Return a study's content with every setting of every network written out."""
    while isinstance(source := content["networks"], str):
        if source not in names():
            raise ValueError(f"networks: there is no study {source!r} to take them from")
        theirs = settings.read_yaml(paths.STUDIES / f"{source}.yaml")
        content["networks"] = theirs["networks"]
        for part in ("defaults", "fine_tuning"):
            content[part] = theirs[part] | content[part]
    defaults, fine_tuning = content.pop("defaults"), content.pop("fine_tuning")
    return content | {"networks": merge(content["networks"], defaults, fine_tuning)}


def merge(networks: dict, defaults: dict, fine_tuning: dict) -> dict[str, dict]:
    """Return the networks with all settings.

    A child takes its parent's, then the study's `fine_tuning`, then its own.
    """
    merged: dict[str, dict] = {}

    def settle(name: str, below: tuple[str, ...] = ()) -> None:
        own = networks[name]
        if name in merged:
            return
        if not isinstance(own, dict):
            raise ValueError(f"networks.{name}: a network is a mapping of settings")
        settings.check_names(f"networks.{name}", own)
        parent, start = own.get("parent"), defaults
        if not isinstance(parent, str | None):
            raise ValueError(f"networks.{name}.parent: the name of a network is needed")
        if parent is not None:
            if parent in networks and parent not in (*below, name):
                settle(parent, (*below, name))
            inherited = dict(merged.get(parent, defaults))
            for setting in ("parent", "distortions"):
                inherited.pop(setting, None)
            start = inherited | fine_tuning
        merged[name] = start | own

    for name in networks:
        settle(name)
    return {name: merged[name] for name in networks}
