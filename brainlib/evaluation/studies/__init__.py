"""What chapters share: an earlier chapter's slices and people, trainings over rounds, quality.

slices = studies.open_slices(run)                    # what 02 and 03 left in the run folder
trained = studies.train_each_round(run, slices, "vae", train_vae, random_seeds)
quality = studies.quality_by_person({"VAE": trained}, slices)
"""

from brainlib.evaluation.studies.experiment import (
    PLATEAUS,
    best_epoch_of,
    experiment_row,
    means_by_person,
    recipe_of,
    recipe_table,
    round_for,
)
from brainlib.evaluation.studies.quality import (
    METRICS,
    mean_over_people,
    measured,
    quality_by_person,
)
from brainlib.evaluation.studies.rounds import (
    Trained,
    histories,
    train_each_round,
    unique_random_seeds,
)
from brainlib.evaluation.studies.samples import judge_draws, judge_of, summary_of_draws
from brainlib.evaluation.studies.saved_models import saved_models
from brainlib.evaluation.studies.split_slices import Round, SplitSlices, open_slices

__all__ = [name for name in dir() if not name.startswith("_")]
