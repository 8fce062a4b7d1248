"""How networks are trained: a recipe that is fast, those of the theses; the epoch that is kept."""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        optimizer: "rmsprop" or "adam", Keras's defaults but for the learning rate.
        learning_rate: of the first epoch; under a cosine the highest.
        beta_2: of Adam: how slowly it forgets the size of earlier gradients.
        batch_size: slices in a batch.
        epochs: at most; the validation slices are tried after each.
        steps: of all epochs together: an epoch is an equal share of them, however many slices there
            are; 0: an epoch is what the slices make it.
        cosine: the learning rate falls to 0 along a cosine, reached with the last step.
        warm_up: share of all steps in which the learning rate rises evenly from 0; with `cosine`.
        loss: name in `losses.NAMES`; a VAE has a loss of its own.
        corruption: preset of `corruptions` that the inputs go through; targets are clean.
        plateau_factor: the learning rate is multiplied by it on a plateau; 0 leaves it alone.
        plateau_patience: epochs without improvement.
        plateau_min_delta: what counts as improvement, by loss ("" for any other loss).
        plateau_min_rate: the learning rate never falls below it.
        stop_patience: epochs without improvement before training stops; 0 never stops early.
        stop_min_delta: what counts as improvement, by loss ("" for any other loss).
        beta_warm_up: epochs in which a VAE's beta rises to its value.
        adversarial_start: epochs before a VQGAN's discriminator is let in.
        adversarial_weight: factor on the adaptive weight of equation 3.14; Esser et al. have 0.8.
        perceptual_weight: of the perceptual loss beside `loss`.
        discriminator_rate: its learning rate as a share of the generator's.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    beta_2: float = 0.999
    batch_size: int = 32
    epochs: int = 100
    steps: int = 0
    cosine: bool = False
    warm_up: float = 0.0
    loss: str = "mse"
    corruption: str = "none"
    plateau_factor: float = 0.0
    plateau_patience: int = 0
    plateau_min_delta: dict[str, float] = field(default_factory=lambda: {"": 0.0})
    plateau_min_rate: float = 0.0
    stop_patience: int = 0
    stop_min_delta: dict[str, float] = field(default_factory=lambda: {"": 0.0})
    beta_warm_up: int = 0
    adversarial_start: int = 0
    adversarial_weight: float = 1.0
    perceptual_weight: float = 1.0
    discriminator_rate: float = 1.0

    def __post_init__(self):
        if self.epochs < 1:
            raise ValueError(f"epochs: expected at least 1, got {self.epochs}.")
        if self.steps and self.steps < self.epochs:
            raise ValueError(
                f"steps: expected 0 or at least one per epoch ({self.epochs}), got {self.steps}."
            )

    def steps_an_epoch(self, usual: int) -> int:
        """Steps of each epoch.

        Args:
            usual: what the slices make them, where the recipe does not bound its steps.
        """
        return round(self.steps / self.epochs) if self.steps else usual

    def min_delta(self, deltas: dict[str, float]) -> float:
        """Of `plateau_min_delta` or `stop_min_delta`, the one of this recipe's loss."""
        family = self.loss.partition("_")[0]  # dssim_contrib has that of dssim
        return deltas.get(self.loss, deltas.get(family, deltas[""]))


# Bounded by steps, so that it takes as long on 24 people as on 581. What each part brings is
# measured in notebooks/recipe.md.
_FAST = Recipe(
    learning_rate=2e-2,
    batch_size=8,
    epochs=8,
    steps=1000,
    cosine=True,
    warm_up=0.2,
    loss="log_mse",
)
_THESIS_003 = Recipe(
    optimizer="rmsprop",
    loss="dssim_contrib",
    corruption="seed003",
    plateau_factor=math.sqrt(0.1),
    plateau_patience=2,
    plateau_min_rate=0.5e-6,
    plateau_min_delta={"": 1e-4},  # Keras's default
)
_THESIS_000 = Recipe(learning_rate=5e-4, batch_size=64, epochs=500)

# Thesis 004's smallest learning rate and thesis 000's optimisers and rates are in their authors'
# code only.
RECIPES = {
    "fast": _FAST,
    "fast-vae": replace(_FAST, learning_rate=1e-2, beta_2=0.99, batch_size=32, loss="mse"),
    "fast-vqvae": replace(_FAST, beta_2=0.99, loss="mse"),
    "fast-vqgan": replace(
        _FAST,
        learning_rate=1e-3,
        batch_size=16,
        loss="l1",
        adversarial_start=4,
        adversarial_weight=0.8,
    ),
    # Near to that of the restorer in outputs/reference, whose README says in what it differs.
    "restorer": replace(
        _FAST, learning_rate=4e-3, batch_size=64, epochs=20, steps=8000, warm_up=0.04
    ),
    "004": Recipe(
        optimizer="rmsprop",
        corruption="seed004",
        plateau_factor=0.2,
        plateau_patience=4,
        plateau_min_delta={"": 1e-7, "dssim": 2e-5},
        plateau_min_rate=1e-7,
        stop_patience=20,
        stop_min_delta={"": 2e-7, "dssim": 5e-5},
    ),
    "003": _THESIS_003,
    "003-big-dssim": replace(_THESIS_003, batch_size=24),
    "003-resnet50": replace(_THESIS_003, optimizer="adam", batch_size=8),
    "003-resnet50_short": replace(_THESIS_003, batch_size=16),
    "002": Recipe(learning_rate=1e-4, batch_size=16, epochs=1200),
    "vqgan": Recipe(
        learning_rate=5e-4,
        batch_size=16,
        epochs=100,
        loss="l1",
        adversarial_start=30,
        adversarial_weight=0.8,
    ),
    "000": _THESIS_000,
    "000-vqvae": replace(_THESIS_000, learning_rate=1e-3),
    "vae": Recipe(
        learning_rate=1e-3,
        batch_size=32,
        epochs=100,
        plateau_factor=0.5,
        plateau_patience=5,
        stop_patience=15,
        beta_warm_up=10,
    ),
}


def recipe(name: str | Recipe, **changes: Any) -> Recipe:
    """The recipe of a name (a `Recipe` is taken as it is), with some of its constants changed.

    A change to None leaves the recipe's constant.

    Raises:
        ValueError: there is no such recipe or constant.
    """
    if not isinstance(name, Recipe):
        if name not in RECIPES:
            raise ValueError(
                f"recipe: expected one of {', '.join(RECIPES)} or a Recipe, got {name!r}."
            )
        name = RECIPES[name]
    changes = {key: value for key, value in changes.items() if value is not None}
    unknown = sorted(set(changes) - set(asdict(name)))
    if unknown:
        raise ValueError(f"a recipe has no {', '.join(unknown)}; it has {', '.join(asdict(name))}.")
    return replace(name, **changes)


def best_epoch(history: pd.DataFrame, start: int = 0) -> pd.Series:
    """The row of the epoch whose weights a training left its model with.

    That is the one with the lowest validation loss after `start` epochs.

    Args:
        history: of `training.fit`, one row per epoch.
        start: epochs of beta's warm-up, or before a discriminator was let in; losses before and
            after are not the same.
    """
    later = history[history.epoch > min(start, history.epoch.max() - 1)]
    return later.loc[later.val_loss.idxmin()]
