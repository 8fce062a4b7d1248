"""Training: recipes, one trainer for all networks, losses, callbacks, checkpoints.

The modules, in the order in which they build on each other:

    recipes        the fast recipe, and the theses' constants as presets
    optimizers     of a recipe: the optimiser and its learning rate by steps
    devices        precision, several devices, versions
    finished       what was made before is loaded, not made again
    losses         of reconstructions
    perceptual     distance in the feature maps of a fixed network
    callbacks      history, progress, plateaus, best weights
    checkpoints    all that a training carries from one epoch to the next
    trainer        the one trainer
    adversarial    a VQGAN and its discriminator
    supervised     a VAE and its heads
    fitting        networks of `models`, trained by a recipe on slices
    code_prior     priors over code maps
    codes          what a codebook does during training
"""

from brainlib.training.devices import hardware, versions
from brainlib.training.fitting import fit, load_or_fit
from brainlib.training.recipes import RECIPES, Recipe, best_epoch, recipe
from brainlib.training.trainer import Log, save_model

__all__ = [
    "RECIPES",
    "Log",
    "Recipe",
    "best_epoch",
    "fit",
    "hardware",
    "load_or_fit",
    "recipe",
    "save_model",
    "versions",
]
