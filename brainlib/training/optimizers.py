"""Optimisers of a recipe, in fewer operations than Keras's own."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from brainlib.training.recipes import Recipe

MOST_AT_A_TIME = 10


def of(plan: Recipe, *, steps: int) -> keras.optimizers.Optimizer:
    """The optimiser of a recipe.

    Args:
        plan: for its optimiser and its learning rate.
        steps: of the whole training.
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    rate = learning_rate(plan, steps=steps)
    if plan.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    if plan.optimizer == "adam":
        adam = keras.optimizers.Adam if several else FusedAdam
        return adam(rate, beta_2=plan.beta_2)
    raise ValueError(f"optimizer: expected one of rmsprop, adam, got {plan.optimizer!r}.")


def learning_rate(
    plan: Recipe, *, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of a recipe: a number, or a cosine after an even rise."""
    if not plan.cosine:
        return plan.learning_rate
    rise = round(plan.warm_up * steps)
    fall = max(1, steps - rise)
    if not rise:
        return keras.optimizers.schedules.CosineDecay(plan.learning_rate, fall)
    return keras.optimizers.schedules.CosineDecay(
        0.0, fall, warmup_target=plan.learning_rate, warmup_steps=rise
    )


def steps_at_a_time(steps_an_epoch: int) -> int:
    """Steps between which Keras is not asked: the largest divisor of an epoch up to ten.

    On several devices it is 1: more of them fail there (TensorFlow 2.21, an empty placeholder).
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return 1
    divisors = (number for number in range(MOST_AT_A_TIME, 0, -1) if steps_an_epoch % number == 0)
    return next(divisors)


# The graph of a training step is built in 25 s, with Keras's Adam, which has ten operations per
# weight, in 40 s (vqgan_uad at width 0.125, two cores). Steps take as long with either.
@keras.saving.register_keras_serializable("brainlib")
class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam in one TensorFlow operation per weight."""

    def apply(
        self, grads: Sequence[tf.Tensor], trainable_variables: Sequence | None = None
    ) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        betas = (self.beta_1, self.beta_2)
        self._powers = [ops.power(ops.cast(beta, "float32"), step) for beta in betas]
        super().apply(grads, trainable_variables)

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[place]),
            v=_handle(self._velocities[place]),
            beta1_power=self._powers[0],
            beta2_power=self._powers[1],
            lr=ops.cast(learning_rate, "float32"),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),  # a codebook's comes as rows (IndexedSlices)
        )


def _handle(variable):
    return variable.value.handle if isinstance(variable, keras.Variable) else variable.handle
