"""Training by recipe: fitting, recipes, losses, callbacks, checkpoints."""

from brainlib.training.fitting import (
    RECIPES,
    Recipe,
    fit,
    hardware,
    kept,
    load_or_fit,
    recipe,
    save,
    versions,
)

__all__ = [name for name in dir() if not name.startswith("_")]
