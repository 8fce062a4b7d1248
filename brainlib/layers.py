"""Small serialisable layers of the variational models; each owns its loss, so plain compile() and fit() work."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("brainlib")
class Sampling(layers.Layer):
    """z = mean + exp(log_var / 2) * epsilon in training; the posterior mean otherwise (seed 000, equation 3.4).

    Call with [mean, log_var], each (B, D) -> (B, D).

    Args:
        sample: True samples outside of training too, as the seed's figures do.
        seed: of the noise; the generator's state is saved with the model.
    """

    def __init__(self, sample=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.sample = sample
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        mean, log_var = inputs
        if not (training or self.sample):
            return mean
        noise = keras.random.normal(ops.shape(mean), seed=self.generator, dtype=mean.dtype)
        return mean + ops.exp(0.5 * log_var) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "sample": self.sample, "seed": self.seed}


@keras.saving.register_keras_serializable("brainlib")
class KLDivergence(layers.Layer):
    """Adds beta * KL(N(mean, exp(log_var)) || N(0, 1)), in nats an image, and passes [mean, log_var] on.

    Kingma and Welling 2014, appendix B; beta as in Higgins et al. 2017. The KL without beta is tracked as metric `kl`.

    Args:
        beta: its weight; a variable, so that a callback can warm it up.
    """

    def __init__(self, beta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_beta = float(beta)
        self.beta = self.add_weight(shape=(), initializer=keras.initializers.Constant(beta), trainable=False, name="beta")
        self.kl = keras.metrics.Mean(name="kl")

    def call(self, inputs):
        mean, log_var = inputs
        nats = 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)       # (B,)
        self.add_loss(self.beta * ops.mean(nats))
        self.kl.update_state(nats)
        return [mean, log_var]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "beta": self.initial_beta}
