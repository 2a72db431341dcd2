"""A study: a data set, networks with every setting that varies, the conditions they are evaluated under, and a budget.

Studies are YAML files in paradoxlib/studies, or anywhere else; they are read with safe_load and checked strictly. Where `networks` is the name
of a study, its networks are taken, with its defaults and fine tuning below this study's own. A network's settings, with
those of its ancestors, make its key: results that carry the same key were made by the same settings.
"""

import hashlib
import json
import math
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paradoxlib import data, distortions, models, paths

Share = Annotated[float, Field(ge=0, le=1)]
DistortionName = Literal[tuple(distortions.GRID)]


class Strict(BaseModel):
    """Frozen settings in which an unknown key or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(Strict):
    """The data set and the standard augmentation of its training images."""

    name: str
    image_size: int = Field(32, ge=8)
    train_images: int | None = Field(None, ge=1)
    test_images: int | None = Field(None, ge=1)
    flip: bool = True
    zoom: Share = 0.1
    shift: Share = 0.1

    @model_validator(mode="after")
    def size_fits(self):
        if self.name in ("digits", "cifar10") and self.image_size != 32:
            raise ValueError(f"image_size is {self.image_size}: images of {self.name} have 32 pixels")
        return self


class Model(Strict):
    """The architecture, one for all networks of a study."""

    architecture: Literal[tuple(models.BLOCKS)]
    small_images: bool = False


class Network(Strict):
    """How one network is trained: what the paper varies.

    `learning_rate` is Adam's; it shrinks by 1 / (1 + decay * iteration) and by the schedule (step: x .1 at each milestone, given as a
    share of the epochs; continued: the parent's schedule goes on past its end, all its milestones behind it). `distortions` are drawn anew
    for every image, `distortions_per_image` of them; `noise_amount` is the largest amount of noise. A child starts from its parent's weights.
    """

    parent: str | None = None
    seed: int
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    learning_rate: float = Field(gt=0)
    decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "step", "cosine", "continued"] = "constant"
    milestones: tuple[Share, ...] = ()
    initialiser: Literal[models.INITIALISERS] | None = None
    weight_decay: float = Field(1e-4, ge=0)
    distortions: tuple[DistortionName, ...] = ()
    distortions_per_image: int = Field(1, ge=1, le=8)
    noise_amount: float = Field(0.1, gt=0, le=1)

    @model_validator(mode="after")
    def steps_have_milestones(self):
        if (self.schedule == "step") != bool(self.milestones) and self.parent is None:
            raise ValueError("schedule step needs milestones, and milestones need schedule step")
        if self.schedule == "continued" and (self.parent is None or not self.milestones):
            raise ValueError("schedule continued needs a parent with schedule step")
        return self

    def rate_at(self, step, steps_per_epoch, epochs_before=0):
        """Return Adam's learning rate at a step; a continued schedule counts its steps from `epochs_before`, those of its ancestors."""
        before = epochs_before * steps_per_epoch if self.schedule == "continued" else 0
        rate = self.learning_rate / (1 + self.decay * (before + step))
        if self.schedule == "continued":
            return rate * 0.1 ** len(self.milestones)
        if self.schedule == "cosine":
            return rate * (1 + math.cos(math.pi * step / (self.epochs * steps_per_epoch))) / 2
        if self.schedule == "step":
            return rate * 0.1 ** sum(step // steps_per_epoch >= share * self.epochs for share in self.milestones)
        return rate


class Evaluation(Strict):
    """The grid of conditions, the seed of its noise, and the precision of the networks' arithmetic (see `evaluation.predict_conditions`)."""

    seed: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    grid: dict[DistortionName, tuple[float, ...]] = Field(default_factory=lambda: dict(distortions.GRID))

    @model_validator(mode="after")
    def levels_in_range(self):
        if 1.0 not in self.grid.get("contrast", ()):
            raise ValueError("grid.contrast: level 1.0 is needed, the images as they are")
        if empty := [name for name, levels in self.grid.items() if not levels]:
            raise ValueError(f"grid.{empty[0]}: there are no levels")
        for condition in distortions.conditions(self.grid):
            distortions.check_level(*condition)
        return self


class Session(Strict):
    """Where and how a study runs on this machine; no result depends on it."""

    data_root: str | None = None
    device: str = "auto"
    workers: Annotated[int, Field(ge=0)] | Literal["ray"] = 0
    recompute: bool = False


class Study(Strict):
    """A checked study (see `load`); transplants are evaluated on `transplant_images` test images (all), exchanges on `exchange_images` (as many)."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    data: Data
    model: Model
    evaluation: Evaluation = Evaluation()
    transplant_images: int | None = Field(None, ge=1)
    exchange_images: int | None = Field(None, ge=1)
    networks: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w \[\]&-]*$")], Network] = Field(min_length=1)
    session: Session = Session()

    @model_validator(mode="after")
    def parents_exist(self):
        for name, network in self.networks.items():
            seen = [name]
            while network.parent is not None:
                if network.parent not in self.networks:
                    raise ValueError(f"networks.{seen[-1]}.parent: there is no network {network.parent!r}")
                if network.parent in seen:
                    raise ValueError(f"networks.{name}.parent: {' -> '.join([*seen, network.parent])} is a cycle")
                seen.append(network.parent)
                network = self.networks[network.parent]
        return self

    @cached_property
    def generations(self):
        """[founders, their children, the children's children ...], lists of names in the order of the file."""
        generations = [[None]]
        while children := [name for name, network in self.networks.items() if network.parent in generations[-1]]:
            generations.append(children)
        return generations[1:]

    @cached_property
    def family_of(self):
        """{network: the founder of its family}."""
        founder = {}
        for name in (name for generation in self.generations for name in generation):
            founder[name] = founder.get(self.networks[name].parent, name)
        return founder

    @cached_property
    def families(self):
        """{founder: [founder, its descendants ...]}, parents before children, in the order of the file."""
        return {founder: [name for name in self.family_of if self.family_of[name] == founder] for founder in self.generations[0]}

    @property
    def device(self):
        """The torch device that the session asks for."""
        wanted = self.session.device
        if wanted == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            return torch.empty(0, device=wanted).device
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device {wanted!r} cannot be used: {str(error).splitlines()[0]}") from None

    @property
    def conditions(self):
        """The list of (distortion, level)."""
        return distortions.conditions(self.evaluation.grid)

    def images(self, split):
        """Load the study's training or test images."""
        count = self.data.train_images if split == "train" else self.data.test_images
        return data.load(self.data.name, split, self.session.data_root, self.data.image_size).first(count)

    def network(self, name):
        """Return the settings of a network; an unknown one is a ValueError."""
        if name not in self.networks:
            raise ValueError(f"study {self.name} has no network {name!r}: it has {', '.join(self.networks)}")
        return self.networks[name]

    def epochs_before(self, name):
        """Return for how many epochs a network's ancestors were trained."""
        parent = self.network(name).parent
        return 0 if parent is None else self.networks[parent].epochs + self.epochs_before(parent)

    def network_key(self, name):
        """Return the key of a trained network: its settings, its ancestors', the architecture and the training data."""
        network = self.network(name)
        source = self.data.model_dump(exclude={"test_images"}, exclude_defaults=True)
        own = network.model_dump(exclude={"parent"}, exclude_defaults=True)  # so that a new setting leaves what is done in its place
        return key(own, self.network_key(network.parent) if network.parent else [source, self.model.model_dump(exclude_defaults=True)])

    def prediction_key(self, name):
        """Return the key of a network's predictions: its own and that of the study's evaluation."""
        return key(self.network_key(name), self.evaluation.model_dump(exclude_defaults=True), self.data.test_images)

    def table_key(self, *what):
        """Return the key of a table made from all networks under the study's evaluation."""
        return key({name: self.prediction_key(name) for name in self.networks}, what)


def key(*settings):
    """Return 16 characters that stand for settings (anything JSON can hold)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def names():
    """Return the names of the studies that come with the package."""
    return sorted(path.stem for path in paths.STUDIES.glob("*.yaml"))


def load(name_or_path, data_root=None, device="auto", workers=0, recompute=False):
    """Return a study.

    Parameters
    ----------
    name_or_path : str
        One of `names()`, or the path of a YAML file of your own.
    data_root : str, optional
        The folder of the data sets; else the environment variable PARADOX_DATA, else data/.
    device : str
        ``auto`` (CUDA where there is one, else the CPU), or a torch device.
    workers : int or "ray"
        Networks that train side by side; 0 for one on each core, eight on each GPU; "ray" for a cluster (see `parallel.run`).
    recompute : bool
        False: show the results in figures/ where their settings agree; True: use only what was computed on this machine.

    Raises
    ------
    ValueError
        For an unknown study, or a file with an unknown key, a wrong type, a missing parent or a cycle: it names the file and the key.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        if str(path) not in names():
            raise ValueError(f"unknown study {str(path)!r}: choose one of {', '.join(names())}, or give a YAML file")
        path = paths.STUDIES / f"{path}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"there is no study file {path}")
    session = {"data_root": data_root or None, "device": device, "workers": workers, "recompute": recompute}
    try:
        if not isinstance(content := yaml.load(path.read_text(), UniqueKeys), dict):
            raise ValueError("a study is a mapping of settings")
        defaults, fine_tuning = content.pop("defaults", {}) or {}, content.pop("fine_tuning", {}) or {}
        for part, settings in (("defaults", defaults), ("fine_tuning", fine_tuning), ("networks", content.get("networks", {}))):
            if not isinstance(settings, dict | str if part == "networks" else dict):
                raise ValueError(f"{part}: a mapping of settings is needed")
        if isinstance(source := content.get("networks"), str):
            if source not in names():
                raise ValueError(f"networks: there is no study {source!r} to take them from")
            theirs = yaml.load((paths.STUDIES / f"{source}.yaml").read_text(), UniqueKeys)
            content["networks"] = theirs["networks"]
            defaults, fine_tuning = theirs.get("defaults", {}) | defaults, theirs.get("fine_tuning", {}) | fine_tuning
        content["networks"] = merged(content.get("networks", {}), defaults, fine_tuning)
        study = Study.model_validate_json(json.dumps({**content, "session": session}))
        if study.name in names() and path.resolve() != paths.STUDIES / f"{study.name}.yaml":
            raise ValueError(f"name: {study.name} is a study of the package, whose results this one would overwrite")
        return study
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def merged(networks, defaults, fine_tuning):
    """Return the networks with all settings: a child takes its parent's, then the study's `fine_tuning`, then its own."""
    complete = {}

    def settle(name, below=()):
        own = networks[name]
        if not isinstance(own, dict):
            raise ValueError(f"networks.{name}: a network is a mapping of settings")
        if name not in complete:
            if not isinstance(parent := own.get("parent"), str | None):
                raise ValueError(f"networks.{name}.parent: the name of a network is needed")
            start = defaults
            if parent is not None:
                if parent in networks and parent not in below and parent != name:
                    settle(parent, (*below, name))
                inherited = {k: v for k, v in complete.get(parent, defaults).items() if k not in ("parent", "distortions")}
                start = {**inherited, **fine_tuning}
            complete[name] = {**start, **own}

    for name in networks:
        settle(name)
    return {name: complete[name] for name in networks}


class UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader, but a key that stands twice is an error."""

    def construct_mapping(self, node, deep=False):
        seen = [self.construct_object(k, deep=True) for k, _ in node.value if k.tag != "tag:yaml.org,2002:merge"]
        if twice := [k for k in seen if seen.count(k) > 1]:
            raise ValueError(f"{twice[0]!r} stands twice (line {node.start_mark.line + 1} on)")
        return super().construct_mapping(node, deep)
