"""How is the map of a head made, and what was chosen for it on validation heads?

A `MapRecipe` is one way to make a map. A `ModelRecord` lies beside a model of notebook 09
(`preparation.json`): how its maps were made and judged, so that `python -m brainlib.anomaly` makes
the same. Thesis 002 has these settings in sections 4.1.2 and 4.2.4.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainlib import files
from brainlib.anomaly import scores
from brainlib.anomaly.preparation import SIZE, SMOOTHING
from brainlib.models import prior as models_prior

RECORD_FILE = "preparation.json"
POST = {  # at the network's size: half of the thesis's full-size steps
    "erode_px": 2,
    "median": 5,
    "min_pixels": 7,
}
AS_TRAINED = "as_trained"
Side = Annotated[int, Field(ge=1, le=1000)]  # of a picture, in pixels


@dataclass(frozen=True)
class MapRecipe:
    """How one map is made.

    Attributes:
        method: one of `scores.METHODS`.
        options: of the method.
        post: options of `scores.post_process`; None leaves it out.
        preparation: options of `preparation.prepare`.
        masks: where brain masks come from, "deepbrain" or "given".
    """

    method: str = "absolute"
    options: Mapping = field(default_factory=dict)
    post: Mapping | None = field(default_factory=lambda: dict(POST))
    preparation: Mapping = field(default_factory=dict)
    masks: str = "deepbrain"


@dataclass(frozen=True)
class ModelRecord:
    """What lies beside a model: how its maps are made, and how they were judged.

    Attributes:
        preparation: options of `preparation.prepare` for its slices.
        post: options of `scores.post_process` for its maps; None: none.
        masks: where the brain masks came from; None: not told.
        method: the one that was chosen on validation lesions; None: none was.
        options: {method: its options}, a prior left out.
        prior: file of the prior over the model's codes.
        thresholds: {where from: threshold} of the chosen method's maps.
    """

    preparation: Mapping = field(default_factory=dict)
    post: Mapping | None = field(default_factory=lambda: dict(POST))
    masks: str | None = None
    method: str | None = None
    options: Mapping[str, Mapping] = field(default_factory=dict)
    prior: Path | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def save(self, folder: Path | str) -> None:
        """Writes the record into the model's folder; what stood there is replaced."""
        options = {name: _without(given, "prior") for name, given in self.options.items()}
        record = {
            "preparation": _without(self.preparation, "full"),  # that one is for figures
            "post": self.post,
            "options": options,
        }
        if self.prior:
            record["prior"] = os.path.relpath(self.prior, folder)
        if self.masks:
            record["masks"] = self.masks
        if self.method:
            record |= {"method": self.method, "thresholds": self.thresholds}
        files.write_json(Path(folder) / RECORD_FILE, record)

    def recipe(
        self,
        *,
        method: str | None = None,
        post: Mapping | str | None = AS_TRAINED,
        preparation: Mapping | None = None,
        masks: str | None = None,
        **options: Any,
    ) -> MapRecipe:
        """The recipe in which the record holds wherever nothing else is given.

        Args:
            method: None: the chosen one, else "absolute".
            post: "as_trained": the record's; None leaves it out.
            preparation: these options are changed.
            masks: None: the record's, else "deepbrain".
            **options: of the method, these are changed.
        """
        method = method or self.method or "absolute"
        options = {**self.options.get(method, {}), **options}
        if method in scores.OF_CODES and self.prior and "prior" not in options:
            options["prior"] = models_prior.load_prior(self.prior)
        return MapRecipe(
            method=method,
            options=options,
            post=self.post if post == AS_TRAINED else post,
            preparation={**self.preparation, **(preparation or {})},
            masks=masks or self.masks or "deepbrain",
        )


def read_model_record(model: object) -> ModelRecord | None:
    """The record beside a model's file; None where there is none, or `model` is no path."""
    if not isinstance(model, (str, Path)):
        return None
    path = Path(model).parent / RECORD_FILE
    if not path.is_file():
        return None
    record = _checked_record(path)
    preparation = record.preparation.model_dump(exclude_unset=True)
    post = record.post.model_dump(exclude_unset=True) if record.post else None
    return ModelRecord(
        preparation=preparation,
        post=post,
        masks=record.masks,
        method=record.method,
        options=record.options,
        prior=path.parent / record.prior if record.prior else None,
        thresholds=record.thresholds,
    )


class _Preparation(BaseModel):
    """Options of `preparation.prepare`, as a record may hold them."""

    model_config = ConfigDict(extra="forbid")

    size: tuple[Side, Side, Side] = SIZE
    voxel_mm: float = Field(1.0, ge=0.25, le=20)
    smoothing: Literal[SMOOTHING] = SMOOTHING[0]
    n4: bool = False
    percentiles_of: Literal["brain", "box"] = "brain"


class _Post(BaseModel):
    """Options of `scores.post_process`, likewise."""

    model_config = ConfigDict(extra="forbid")

    mask: bool = True
    erode_px: int = Field(0, ge=0, le=100)
    median: int = Field(0, ge=0, le=101)
    threshold: float | None = None
    min_pixels: int = Field(0, ge=0)


class _Record(BaseModel):
    """What a record holds."""

    preparation: _Preparation
    post: _Post | None
    masks: Literal["deepbrain", "given"] | None = None
    method: Literal[scores.METHODS] | None = None
    options: dict[Literal[scores.METHODS], dict[str, int | float]] = {}
    prior: str | None = None
    thresholds: dict[str, float | None] = {}


def _checked_record(path: Path) -> _Record:
    """A record as it was written; raises ValueError, in one line, where it was changed."""
    try:
        return _Record.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{'.'.join(map(str, first['loc'])) or 'something else'}: {first['msg']}"
    except (ValueError, RecursionError) as error:  # no JSON, or no text
        found = f"no JSON ({' '.join(str(error).split())[:100]})"
    raise ValueError(
        f"{path}: expected the record that 09_anomaly_detection writes, got {found}. "
        "Run that chapter again, or move the file away to score with the usual options."
    )


def _without(options, name):
    return {key: value for key, value in options.items() if key != name}


# ------------------------------------------------------------------------------------------ words


def recipe_message(record: ModelRecord, recipe: MapRecipe) -> str:
    """A line: the method, its options, and whether the thresholds that were chosen hold for it."""
    method = recipe.method
    judged_options = record.options.get(method, {})
    numbers = ", ".join(f"{name} {recipe.options[name]:.4g}" for name in judged_options)
    method_and_options = f"method {method} ({numbers})" if numbers else f"method {method}"
    if method != record.method:
        return (
            f"{method_and_options}, as asked; 09_anomaly_detection chose {record.method}, whose "
            "thresholds do not hold for it."
        )
    changed = _changed_settings(record, recipe)
    if changed:
        are_others = "are others" if len(changed) > 1 else "is another"
        return (
            f"{method_and_options}; its thresholds of 09_anomaly_detection do not hold, "
            f"{', '.join(changed)} {are_others} here."
        )
    return f"{method_and_options}, as judged in 09_anomaly_detection. {_threshold_words(record)}"


def _changed_settings(record, recipe):
    """Names of what is not as the chosen method was judged."""
    judged = {
        **record.options.get(recipe.method, {}),
        "post": record.post,
        **record.preparation,
        "masks": record.masks or recipe.masks,
    }
    here = {
        **recipe.preparation,
        **recipe.options,
        "post": recipe.post,
        "masks": recipe.masks,
    }
    return [name for name, value in judged.items() if here.get(name) != value]


def _threshold_words(record):
    limits = [
        f"{limit:.4g} ({kind})" for kind, limit in record.thresholds.items() if limit is not None
    ]
    min_pixels = (record.post or {}).get("min_pixels", 0)
    small_pieces = ""
    if min_pixels > 1:
        small_pieces = (
            f", and pieces of fewer than {min_pixels} of its pixels in a slice are dropped"
        )
    return (
        f"Thresholds: {', '.join(limits) or 'none'}; they were judged before maps are enlarged to "
        f"the head{small_pieces}."
    )
