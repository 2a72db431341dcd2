"""The settings of a study, part by part, checked strictly: what a study's YAML file may say.

A file is read with limits on what it may stand for, and no part of it is ever run.
"""

import math
from collections.abc import Callable, Collection, Hashable, Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from paradoxlib.images import distortions
from paradoxlib.networks import initialisers, models, resnets


def one_of(known: Iterable[str], what: str) -> Callable[[str], str]:
    """Return a check that a name is a known one; it is called when settings are read."""

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}: choose one of {', '.join(known)}")
        return name

    return check


# Limits keep typing errors out: beyond them nothing can be meant, and sums overflow.
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(ge=1, le=10**9)]
# Limits on a study's file keep a few lines from filling the memory.
LARGEST_FILE = 200_000  # characters
LARGEST_STUDY = 5_000_000  # characters and values, with aliases and defaults written out
Precision = Literal["float32", "bfloat16"]
DistortionName = Annotated[str, AfterValidator(one_of(distortions.DISTORTIONS, "distortion"))]
ArchitectureName = Annotated[str, AfterValidator(one_of(models.ARCHITECTURES, "architecture"))]
NormName = Annotated[str, AfterValidator(one_of(resnets.NORMS, "norm"))]
InitialiserName = Annotated[str, AfterValidator(one_of(initialisers.INITIALISERS, "initialiser"))]


class Strict(BaseModel):
    """Frozen settings in which an unknown key, a wrong type, nan or infinity is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Strict):
    """The data set and the standard augmentation of its training images."""

    name: str
    image_size: int = Field(32, ge=8, le=4096)
    train_images: Count | None = None
    test_images: Count | None = None
    flip: bool = True
    zoom: Share = 0.1
    shift: Share = 0.1

    @model_validator(mode="after")
    def size_fits(self) -> Self:
        if self.name in ("digits", "cifar10") and self.image_size != 32:
            size = self.image_size
            raise ValueError(f"image_size is {size}: images of {self.name} have 32 pixels")
        return self


class Model(Strict):
    """The architecture, one for all networks of a study, and the precision of their training.

    ``norm`` is what follows its convolutions, one of `resnets.NORMS`, ``width`` how many times as
    many channels as the architecture's its layers have. The precision is ``float32``,
    or ``bfloat16`` in the forward and the backward pass (weights and steps remain float32); where
    it is null, bfloat16 if the device is faster in it.
    """

    architecture: ArchitectureName
    small_images: bool = False
    norm: NormName = "batch"
    width: int | float = Field(1, gt=0, le=64)
    precision: Precision | None = None

    @model_validator(mode="after")
    def channels_are_whole(self) -> Self:
        models.check_width(self.architecture, self.width)
        return self

    @property
    def form(self) -> dict[str, Any]:
        """What `models.build` and `models.empty` take beside the name and the classes."""
        return self.model_dump(include={"small_images", "norm", "width"})


class Network(Strict):
    """How one network is trained: what the paper varies. A child starts from its parent's weights.

    ``learning_rate`` is Adam's. It shrinks by 1 / (1 + decay * step) and by the ``schedule``:
    ``step`` divides it by ten at each milestone (a share of the epochs), ``cosine`` takes it to 0,
    and ``continued`` goes on with the parent's steps past their end, with all milestones behind
    it. Each image goes through ``distortions_per_image`` of the ``distortions``, at fresh levels;
    ``noise_amount`` is the largest amount of noise. A child may leave its parent's batch norms as
    they are: their running statistics are ``frozen`` and used in training, too, or their scales
    and shifts with them.
    """

    parent: str | None = None
    seed: Seed
    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=2, le=1_000_000)
    learning_rate: float = Field(gt=0, le=10)
    decay: float = Field(0.0, ge=0, le=1000)
    schedule: Literal["constant", "step", "cosine", "continued"] = "constant"
    milestones: tuple[Share, ...] = ()
    initialiser: InitialiserName | None = None
    weight_decay: float = Field(1e-4, ge=0, le=10)
    distortions: tuple[DistortionName, ...] = ()
    distortions_per_image: int = Field(1, ge=1, le=8)
    noise_amount: float = Field(0.1, gt=0, le=1)
    frozen: Literal["statistics", "norms"] | None = None

    @model_validator(mode="after")
    def steps_have_milestones(self) -> Self:
        if (self.schedule == "step") != bool(self.milestones) and self.parent is None:
            raise ValueError("schedule step needs milestones, and milestones need schedule step")
        if self.schedule == "continued" and (self.parent is None or not self.milestones):
            raise ValueError("schedule continued needs a parent with schedule step")
        if self.frozen and self.parent is None:
            raise ValueError(f"frozen is {self.frozen}: it needs a parent, whose norms it keeps")
        return self

    def rate_at(self, step: int, steps_per_epoch: int, epochs_before: int = 0) -> float:
        """Return Adam's learning rate at a step.

        A continued schedule counts its steps from the end of ``epochs_before``, those for which
        the network's ancestors were trained.
        """
        before = epochs_before * steps_per_epoch if self.schedule == "continued" else 0
        rate = self.learning_rate / (1 + self.decay * (before + step))
        if self.schedule == "continued":
            return rate * 0.1 ** len(self.milestones)
        if self.schedule == "cosine":
            return rate * (1 + math.cos(math.pi * step / (self.epochs * steps_per_epoch))) / 2
        if self.schedule == "step":
            epoch = step // steps_per_epoch
            return rate * 0.1 ** sum(epoch >= share * self.epochs for share in self.milestones)
        return rate


class Evaluation(Strict):
    """The grid of conditions, the seed of its noise, and the precision of the arithmetic.

    `predictions.predict_conditions` says what the precision costs.
    """

    seed: Seed = 1
    precision: Precision = "float32"
    grid: dict[DistortionName, tuple[float, ...]] = Field(
        default_factory=lambda: dict(distortions.GRID)
    )

    @model_validator(mode="after")
    def levels_in_range(self) -> Self:
        if 1.0 not in self.grid.get("contrast", ()):
            raise ValueError("grid.contrast: level 1.0 is needed, the images as they are")
        for name, levels in self.grid.items():
            if not levels:
                raise ValueError(f"grid.{name}: there are no levels")
        for condition in distortions.conditions(self.grid):
            distortions.check_level(*condition)
        return self


@cache
def parse(text: str) -> Any:
    """Return what a YAML text says. It is kept: many studies take their networks from one file."""
    return yaml.load(text, UniqueKeys)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a study's file, its parts of the right types."""
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise ValueError(f"it has {size:,} bytes: a study has at most {LARGEST_FILE:,}")
    content = parse(path.read_text())
    if not isinstance(content, dict):
        raise ValueError("a study is a mapping of settings")
    content = dict(content)  # what is kept stays as it is
    for part, kind in (("defaults", dict), ("fine_tuning", dict), ("networks", dict | str)):
        content[part] = content.get(part) or {}
        if not isinstance(content[part], kind):
            raise ValueError(f"{part}: a mapping of settings is needed")
    for part in ("defaults", "fine_tuning"):
        check_names(part, content[part])
    return content


def check_names(where: str, given: dict) -> None:
    """Raise ValueError for a setting that no network has."""
    known = Network.model_fields
    if unknown := [name for name in given if name not in known]:
        problem = "there is no such setting of networks"
        raise ValueError(f"{where}.{unknown[0]}: {problem}: choose of {', '.join(known)}")


def require_modest(whole: Any, parts: Callable[[Any], Collection]) -> None:
    """Raise ValueError for what is too large once everything is written out where it is named.

    `parts` returns the parts of a part, or the characters of a text.
    """
    waiting, room = [whole], LARGEST_STUDY
    while waiting and room > 0:
        inner = parts(waiting.pop())
        room -= 1 + len(inner)
        waiting += [] if isinstance(inner, str | bytes) else inner
    if waiting:
        many = f"more than {LARGEST_STUDY:,} characters and values"
        raise ValueError(f"with all aliases and defaults written out it has {many}")


def parts_of_value(value: Any) -> Collection:
    """Return the parts of a value that was read from YAML."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, str | bytes | list | tuple | set) else ()


def parts_of_node(node: yaml.Node) -> Collection:
    """Return the parts of a node of YAML, whose aliases are the same node again."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value


class UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader, but a key that stands twice is an error, and so is a bomb of aliases."""

    def construct_document(self, node: yaml.Node) -> Any:
        require_modest(node, parts_of_node)
        return super().construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        seen = set()
        for key in (self.construct_object(key, deep=True) for key in own):
            if isinstance(key, Hashable) and key in seen:
                raise ValueError(f"{key!r} stands twice (line {node.start_mark.line + 1} on)")
            seen |= {key} if isinstance(key, Hashable) else set()
        return super().construct_mapping(node, deep)
