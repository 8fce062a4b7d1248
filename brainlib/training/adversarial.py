"""Training of a VQGAN: a generator that rebuilds slices, a discriminator that tells them from real.

The generator minimises reconstruction + perceptual + codebook loss + lambda * adversarial loss,
where lambda is the ratio of the gradients of the first two and of the last at the decoder's last
convolution (thesis 002, equations 3.13 and 3.14; Esser et al. 2021). Until the adversarial start
the discriminator is neither trained nor heard.
"""

import functools
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from brainlib.models import vqgan
from brainlib.training import losses, optimizers, perceptual
from brainlib.training.recipes import Recipe

DELTA = 1e-4  # in equation 3.14, and the largest lambda: Esser et al. have both
LARGEST = 1e4
LOGGED = (
    "loss",
    "reconstruction",
    "perceptual",
    "codebook",
    "adversarial",
    "discriminator",
    "adaptive_weight",
    "score_real",
    "score_rebuilt",
    "generator_gradient",
    "discriminator_gradient",
    "adversarial_steps",
    "skipped_steps",
)


def hinge(real: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
    """What the discriminator minimises: half the sum of the two hinge losses, a scalar.

    Args:
        real: its answers to real slices, of any shape.
        rebuilt: its answers to rebuilt ones.
    """
    return 0.5 * (ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + rebuilt)))


def adaptive_weight(
    reconstruction: tf.Tensor,
    adversarial: tf.Tensor,
    *,
    delta: float = DELTA,
    largest: float = LARGEST,
) -> tf.Tensor:
    """Equation 3.14: |reconstruction| / (|adversarial| + delta), at most `largest`; a scalar.

    Both are gradients of that loss with respect to the decoder's last convolution.
    """
    ratio = _norm(reconstruction) / (_norm(adversarial) + delta)
    return ops.stop_gradient(ops.clip(ratio, 0.0, largest))


def _norm(gradient):
    return ops.sqrt(ops.sum(ops.square(ops.cast(gradient, "float32"))))


class Adversarial(keras.Model):
    """A generator and its discriminator under training; `call` is the generator's.

    Each step: one pass of the generator, one of the discriminator over rebuilt and one over real
    slices, then both optimisers move, each its own network. A step whose gradients are not finite
    moves neither and is counted as skipped. Logged: see `LOGGED`; `score_*` are the discriminator's
    mean answers, gradients are norms over all weights, `adversarial_steps` and `skipped_steps`
    shares of the steps.

    Args:
        generator: a `models_vqgan.VQGAN`.
        discriminator: of `models_vqgan.discriminator`.
        maps: for the perceptual loss; None leaves it out.
        perceptual_weight: its factor.
        adversarial_weight: factor on the weight of equation 3.14, which has 1; Esser et al. have
            0.8.
    """

    def __init__(
        self,
        generator: vqgan.VQGAN,
        discriminator: keras.Model,
        *,
        maps: perceptual.Maps | None = None,
        perceptual_weight: float = 1.0,
        adversarial_weight: float = 1.0,
    ):
        super().__init__(name="adversarial")
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise ValueError("vqgan_uad trains on one device; give one name in `devices`, or none.")
        if keras.config.dtype_policy().compute_dtype == "float16":
            raise ValueError(
                "vqgan_uad trains in float32 or mixed_bfloat16: two losses in float16 would need "
                "two scales."
            )
        self.generator, self.discriminator = generator, discriminator
        self.perceptual_weight, self.adversarial_weight = perceptual_weight, adversarial_weight
        # Functions, which Keras does not track: the weights of the maps are not ours to save, the
        # layers of the body are the decoder's.
        self.distance = functools.partial(perceptual.distance, maps) if maps else None
        before = keras.Model(generator.decoder.input, generator.decoder.get_layer("output").input)
        self.body = lambda vectors: before(vectors, training=True)
        self.active = self.add_weight(name="active", shape=(), trainable=False, initializer="zeros")
        self.trackers = {name: keras.metrics.Mean(name=name) for name in LOGGED}
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.generator(inputs, training=training)

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        *,
        loss: str | keras.losses.Loss,
        **options: Any,
    ) -> None:
        """One optimiser for each side, alike.

        The discriminator's follows the learning rate of the generator's.
        """
        if type(optimizer) is keras.optimizers.Adam:
            optimizer = optimizers.FusedAdam.from_config(optimizer.get_config())
        super().compile(optimizer=optimizer, loss=None, **options)
        self.pixels = losses.get(loss)
        self.optimizer.build(self.generator.trainable_variables)
        # Its learning rate is a number, which `AdversarialStart` sets epoch by epoch.
        config = self.optimizer.get_config() | {
            "learning_rate": float(self.optimizer.learning_rate)
        }
        self.discriminator_optimizer = type(self.optimizer).from_config(config)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    # ---------------------------------------------------------------------------------- one step

    def train_step(self, data: tuple) -> dict:
        inputs, target = data[:2]
        with tf.GradientTape() as tape:
            rebuilt, code_loss, last = self._rebuild(inputs)
        pixels, felt, pull = self._reconstruction(target, rebuilt)
        push, numbers = tf.cond(
            self.active > 0,
            lambda: self._discriminate(target, rebuilt),
            lambda: self._silent(rebuilt),
        )
        weight = self.active * self.adversarial_weight * adaptive_weight(last(pull), last(push))
        whole = pull + ops.cast(weight, pull.dtype) * push
        own = [variable.value for variable in self.generator.trainable_variables]
        gradients = tape.gradient(
            [rebuilt, code_loss], own, output_gradients=[whole, tf.ones_like(code_loss)]
        )
        norm, moved = self._move(self.optimizer, gradients, self.generator)
        numbers["skipped_steps"] = 1.0 - moved * (1.0 - numbers["skipped_steps"])
        adversary = weight * numbers["adversarial"]
        self._note(
            loss=pixels + self.perceptual_weight * felt + code_loss + adversary,
            reconstruction=pixels,
            perceptual=felt,
            codebook=code_loss,
            adaptive_weight=weight,
            generator_gradient=norm,
            adversarial_steps=self.active,
            **numbers,
        )
        return self.compute_metrics(inputs, target, rebuilt)

    def _rebuild(self, inputs):
        """(rebuilt slices, the codebook's loss, gradient at the slices -> that at the last kernel).

        The last convolution has a tape of its own: asking the whole one would build the whole
        network's gradients again.
        """
        vectors = self.generator.quantizer(
            self.generator.encoder(inputs, training=True), training=True
        )
        hidden = self.body(vectors)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(hidden)
            rebuilt = self.generator.decoder.get_layer("output")(hidden)
        kernel = self.generator.last_kernel.value
        return (
            rebuilt,
            sum(self.generator.quantizer.losses),
            lambda gradient: tape.gradient(rebuilt, kernel, output_gradients=gradient),
        )

    def test_step(self, data: tuple) -> dict:
        """Validation: reconstruction, perceptual and codebook loss.

        The discriminator has no say in `val_loss`.
        """
        inputs, target = data[:2]
        rebuilt = self.generator(inputs, training=False)
        code_loss = sum(self.generator.losses)
        pixels, felt = self._compare(target, rebuilt)
        self._note(
            loss=pixels + self.perceptual_weight * felt + code_loss,
            reconstruction=pixels,
            perceptual=felt,
            codebook=code_loss,
        )
        wanted = ("loss", "reconstruction", "perceptual", "codebook")
        return {
            name: value
            for name, value in self.compute_metrics(inputs, target, rebuilt).items()
            if name in wanted or name not in LOGGED
        }

    def _compare(self, target, rebuilt):
        target, rebuilt = ops.cast(target, "float32"), ops.cast(rebuilt, "float32")
        felt = self.distance(target, rebuilt) if self.distance else ops.zeros(())
        return self.pixels(target, rebuilt), felt

    def _reconstruction(self, target, rebuilt):
        """Both losses, and the gradient of their sum with respect to the rebuilt slices."""
        with tf.GradientTape() as tape:
            tape.watch(rebuilt)
            pixels, felt = self._compare(target, rebuilt)
            both = pixels + self.perceptual_weight * felt
        return pixels, felt, tape.gradient(both, rebuilt)

    def _discriminate(self, target, rebuilt):
        """Moves the discriminator.

        Returns:
            (gradient of the adversarial loss at the rebuilt slices, what is logged).
        """
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(rebuilt)
            score_rebuilt = ops.cast(self.discriminator(rebuilt, training=True), "float32")
            score_real = ops.cast(self.discriminator(target, training=True), "float32")
            adversarial, loss = -ops.mean(score_rebuilt), hinge(score_real, score_rebuilt)
        push = tape.gradient(adversarial, rebuilt)
        own = [variable.value for variable in self.discriminator.trainable_variables]
        norm, finite = self._move(
            self.discriminator_optimizer, tape.gradient(loss, own), self.discriminator
        )
        return push, {
            "adversarial": adversarial,
            "discriminator": loss,
            "score_real": ops.mean(score_real),
            "score_rebuilt": ops.mean(score_rebuilt),
            "discriminator_gradient": norm,
            "skipped_steps": 1.0 - finite,
        }

    def _silent(self, rebuilt):
        nothing = (
            "adversarial",
            "discriminator",
            "score_real",
            "score_rebuilt",
            "discriminator_gradient",
            "skipped_steps",
        )
        return tf.zeros_like(rebuilt), {name: tf.zeros(()) for name in nothing}

    def _move(self, optimizer, gradients, network):
        """Moves a network unless a gradient is not finite.

        Returns:
            (the gradients' norm, 0 where it is not finite; whether it moved, 0 or 1).
        """
        # The codebook's gradients come as rows (IndexedSlices).
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        gradients = [ops.cast(gradient, "float32") for gradient in dense]
        norm = tf.linalg.global_norm(gradients)
        finite = tf.math.is_finite(norm)

        def move():
            optimizer.apply(gradients, network.trainable_variables)
            return tf.ones(())

        moved = tf.cond(finite, move, lambda: tf.zeros(()))
        return tf.where(finite, norm, 0.0), moved

    def _note(self, **values):
        for name, value in values.items():
            self.trackers[name].update_state(value)


class AdversarialStart(keras.callbacks.Callback):
    """Lets the discriminator in; stops a training whose steps are all skipped.

    Args:
        epoch: from which on (0: from the first).
        discriminator_rate: the discriminator's learning rate as a share of the generator's.
    """

    def __init__(self, epoch: int, *, discriminator_rate: float = 1.0):
        super().__init__()
        self.epoch, self.discriminator_rate = epoch, discriminator_rate

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.model.discriminator_optimizer.learning_rate.assign(
            self.discriminator_rate * self.model.optimizer.learning_rate
        )
        self.model.active.assign(float(epoch >= self.epoch))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs["skipped_steps"] >= 1.0:
            raise RuntimeError(
                f"epoch {epoch + 1}: expected finite gradients, all steps had others. Take a "
                "smaller learning rate or a later adversarial start."
            )


def with_discriminator(
    generator: vqgan.VQGAN,
    plan: Recipe,
    *,
    maps: perceptual.Maps | None = None,
    seed: int | None = None,
) -> Adversarial:
    """A generator and a new discriminator for its pictures, as narrow as the generator is.

    Args:
        generator: under training.
        plan: for its perceptual and its adversarial weight.
        maps: for the perceptual loss.
        seed: of the discriminator's weights.
    """
    width = generator.encoder.get_layer("conv").filters / vqgan.ENCODER[0]
    discriminator = vqgan.discriminator(tuple(generator.input_shape[1:]), width=width, seed=seed)
    return Adversarial(
        generator,
        discriminator,
        maps=maps,
        perceptual_weight=plan.perceptual_weight,
        adversarial_weight=plan.adversarial_weight,
    )
