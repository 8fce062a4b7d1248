"""What chapters share: an earlier chapter's slices and people, trainings over rounds, quality.

slices = studies.open_slices(run)                    # what 02 and 03 left in the run folder
trained = studies.train_each_round(run, slices, "vae", train_vae, random_seeds)
quality = studies.quality_by_person({"VAE": trained}, slices)
"""

from brainlib.evaluation.studies.age_and_sex import (
    GUESS,
    HEADS,
    REGRESSION,
    age_direction,
    age_errors,
    answers_by_person,
    batches_with_answers,
    codes_of_people,
    enough_ages_and_sexes,
    head_targets,
    summary_of_answers,
)
from brainlib.evaluation.studies.baselines import (
    MEAN_PICTURE,
    LinearCode,
    baseline_quality,
    linear_code,
    round_code,
)
from brainlib.evaluation.studies.brain_masks import mask_agreement
from brainlib.evaluation.studies.classical import best_filter, chosen_filters, strengths_tried
from brainlib.evaluation.studies.code_aims import (
    aim_of_draws,
    aim_of_prior,
    aim_of_use,
    beside_published,
)
from brainlib.evaluation.studies.code_draws import (
    draws_for_verdict,
    judge_pages,
    nearer_pages,
    paint,
    ways_to_draw,
)
from brainlib.evaluation.studies.code_priors import (
    Pages,
    TrainedPriors,
    bits_by_person,
    bits_table,
    chances_at,
    given_to_prior,
    known_of,
    mean_picture_of,
    page_while_read,
    place_in_picture,
    read_so_far,
    surprise_limit,
    sway_in_words,
    sway_on_place,
    train_priors,
    with_disc,
)
from brainlib.evaluation.studies.codes import (
    USE_COLUMNS,
    codebook_watch,
    codebook_ways,
    codes_by_epoch,
    codes_seen,
    most_halvings,
    pages_table,
    painters,
    train_variant,
    train_variants,
    use_each_round,
    use_without_one,
    variants_table,
)
from brainlib.evaluation.studies.critic import (
    beside_thesis_002,
    codes_on_test_slices,
    critic_in_words,
    feature_spaces,
    price_in_words,
    sizes_002,
    time_against_gain,
    weight_in_words,
)
from brainlib.evaluation.studies.critic_draws import (
    bits_of_guesses,
    bits_of_slices,
    cheaper,
    codes_of_round,
    held_out,
    judge_beside,
    judge_codes,
    ways_to_draw_codes,
)
from brainlib.evaluation.studies.experiment import (
    PLATEAUS,
    best_epoch_of,
    experiment_row,
    means_by_person,
    recipe_of,
    recipe_table,
    round_for,
)
from brainlib.evaluation.studies.independence import false_alarms, within_head_correlation
from brainlib.evaluation.studies.learning_curves import learning_curve, learning_curve_table
from brainlib.evaluation.studies.loss_balance import (
    kl_in_words,
    rate_and_distortion,
    rate_distortion_table,
    thesis_variance,
    variance_in_words,
)
from brainlib.evaluation.studies.loss_strip import loss_strip, nearest_slice
from brainlib.evaluation.studies.model_comparison import ModelComparison, training_pictures
from brainlib.evaluation.studies.photographs import lost_by_kind, strange_pictures
from brainlib.evaluation.studies.plain_codes import (
    PLAIN_CODES,
    PlainCodes,
    cut,
    join,
    plain_codes,
    plain_codes_of,
    plain_quality,
)
from brainlib.evaluation.studies.preparation import (
    AS_STORED,
    PREPARATIONS,
    Prepared,
    Restored,
    preparation_table,
    prepare_again,
    rebuild_each_preparation,
    restore_each_preparation,
)
from brainlib.evaluation.studies.published import beside_run, published_reconstructions
from brainlib.evaluation.studies.published_rows import (
    errors_by_slice,
    p_values,
    rows_of_004,
    sides_and_centre,
    sides_of_heads,
    sweep_histories,
    sweep_restorations,
    with_blocks,
)
from brainlib.evaluation.studies.quality import (
    METRICS,
    mean_over_people,
    measured,
    quality_by_person,
)
from brainlib.evaluation.studies.quantised_pca import quantise, quantised_pca_quality
from brainlib.evaluation.studies.rate import (
    against_as_many_bits,
    rate_distortion,
    rate_points,
    rates_by_model,
    with_priors,
)
from brainlib.evaluation.studies.resnets import (
    DAMAGES as DAMAGES_003,
)
from brainlib.evaluation.studies.resnets import (
    best_losses,
    encoder_sizes,
    filled_holes,
    image_counts,
    joint_histories,
    recipe_003,
    spread_over_slices,
    trained_sides,
)
from brainlib.evaluation.studies.restoration import (
    DOING_NOTHING,
    restoration_comparisons,
    restoration_table,
    restored_people,
)
from brainlib.evaluation.studies.rounds import (
    Trained,
    histories,
    train_each_round,
    unique_random_seeds,
)
from brainlib.evaluation.studies.samples import (
    judge_draws,
    judge_floor,
    judge_of,
    judge_references,
    judge_vaes,
    nearer,
    summary_of_draws,
)
from brainlib.evaluation.studies.saved_networks import (
    ReleasedNetwork,
    SavedNetwork,
    released_networks,
    saved_models,
    saved_networks,
)
from brainlib.evaluation.studies.severity import error_by_position, largest_loss, severity_curves
from brainlib.evaluation.studies.sharpness import (
    comparisons_with,
    not_much_worse,
    rebuilt_quality,
    sharper,
    sharpness_by_person,
    sharpness_summary,
    targets_table,
)
from brainlib.evaluation.studies.split_slices import Round, SplitSlices, open_slices, read_rounds
from brainlib.evaluation.studies.sweep_points import how_to_sweep, sweep_points, sweeps_folder

__all__ = [name for name in dir() if not name.startswith("_")]
