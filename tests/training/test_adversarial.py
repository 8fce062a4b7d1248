"""Training of a VQGAN: equations 3.13 and 3.14 by hand, who moves when, resuming."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from brainlib import models, training
from brainlib.evaluation import features
from brainlib.models import vq as models_vq
from brainlib.models import vqgan
from brainlib.models.layers.vq import VectorQuantizer
from brainlib.training import adversarial, losses, optimizers, perceptual

SHAPE = (32, 24, 1)
IMAGES = np.random.default_rng(0).random((20, *SHAPE), dtype="float32")
PLAN = training.recipe("vqgan", adversarial_start=2, batch_size=4, epochs=4)


def _generator(seed=0):
    """Small enough to be traced in a second; codes that begin as they are."""
    start = {"kernel_initializer": keras.initializers.GlorotUniform(seed)}
    inputs, vectors = keras.Input(SHAPE), keras.Input((8, 6, 3))
    encoder = keras.Model(
        inputs, layers.Conv2D(3, 4, strides=4, name="conv", **start)(inputs), name="encoder"
    )
    x = layers.Conv2DTranspose(4, 4, strides=4, activation="tanh", **start)(vectors)
    decoder = keras.Model(
        vectors,
        layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="output", **start)(x),
        name="decoder",
    )
    quantizer = VectorQuantizer(8, kmeans_start=False, restart_after=0, seed=seed, name="quantizer")
    return models_vq.assemble_vqvae(encoder, decoder, quantizer, name="tiny", kind=vqgan.VQGAN)


@pytest.fixture(scope="module")
def maps():
    return perceptual.maps_of(
        features.Space(features.feature_network(SHAPE, people=3), "untrained")
    )


def _trainee(optimizer, *, active=1.0, seed=0, maps=None, **options):
    discriminator = vqgan.discriminator(SHAPE, width=0.05, seed=seed)
    found = adversarial.Adversarial(_generator(seed), discriminator, maps=maps, **options)
    found.compile(optimizer, loss="l1", jit_compile=False)
    found.active.assign(active)
    return found


def _step(trainee, images=IMAGES[:4]):
    """One training step; -> what was logged, and how far each side's trainable weights moved."""
    parts = (trainee.generator, trainee.discriminator)
    before = [_trainable(part) for part in parts]
    logs = trainee.fit(images, images, batch_size=len(images), verbose=0).history
    moved = []
    for part, olds in zip(parts, before):
        moved.append([weight - old for weight, old in zip(_trainable(part), olds)])
    return {name: values[0] for name, values in logs.items()}, *moved


def _trainable(part):
    return [weight.numpy() for weight in part.trainable_weights]


def _gradients(tape, loss, variables):
    """Of Keras variables, as arrays; 0 where the loss does not depend on one."""
    found = tape.gradient(
        loss,
        [variable.value for variable in variables],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return [np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]


def test_the_adaptive_weight_is_a_ratio_of_norms():
    assert float(
        adversarial.adaptive_weight(np.array([[3.0, 4.0]]), np.array([[0.0, 0.5]]))
    ) == pytest.approx(5 / 0.5001)
    assert (
        float(adversarial.adaptive_weight(np.ones(4), np.zeros(4))) == 1e4
    )  # at most, 2 / 0.0001 otherwise
    assert float(adversarial.adaptive_weight(np.zeros(4), np.ones(4))) == 0


def test_the_hinge():
    assert float(adversarial.hinge(np.array([2.0, 0.5]), np.array([-3.0, 1.0]))) == pytest.approx(
        0.5 * (0.25 + 1.0)
    )


def test_one_step_is_the_gradient_of_equation_3_13(maps):
    """Plain descent moves every weight by its gradient of the whole loss, taken by one tape."""
    trainee = _trainee(
        keras.optimizers.SGD(1.0), maps=maps, perceptual_weight=0.7, adversarial_weight=0.8
    )
    trainee.discriminator_optimizer.learning_rate.assign(1.0)
    images, generator, discriminator = IMAGES[:4], trainee.generator, trainee.discriminator
    kernel = generator.decoder.get_layer("output").kernel.value
    with tf.GradientTape(persistent=True) as tape:
        rebuilt = generator(images, training=True)
        pixels, code_loss = losses.get("l1")(images, rebuilt), sum(generator.losses)
        both = pixels + 0.7 * perceptual.distance(maps, images, rebuilt)
        score_rebuilt, score_real = (
            discriminator(rebuilt, training=True),
            discriminator(images, training=True),
        )
        adversary = -tf.reduce_mean(score_rebuilt)
        answer = adversarial.hinge(score_real, score_rebuilt)
    norms = [np.linalg.norm(tape.gradient(loss, kernel)) for loss in (both, adversary)]
    weight = 0.8 * norms[0] / (norms[1] + 1e-4)
    own = generator.trainable_variables
    parts = [_gradients(tape, loss, own) for loss in (both, code_loss, adversary)]
    whole = [one + two + weight * three for one, two, three in zip(*parts)]
    theirs = tape.gradient(
        answer, [variable.value for variable in discriminator.trainable_variables]
    )
    logs, moved, moved_discriminator = _step(trainee)
    assert logs["adaptive_weight"] == pytest.approx(weight, rel=1e-4) and weight > 0
    for change, gradient in zip(moved, whole, strict=True):
        np.testing.assert_allclose(change, -gradient, rtol=2e-3, atol=2e-6)
    for change, gradient in zip(moved_discriminator, theirs, strict=True):
        np.testing.assert_allclose(change, -np.asarray(gradient), rtol=2e-3, atol=2e-6)
    assert logs["generator_gradient"] == pytest.approx(
        np.sqrt(sum(np.sum(one**2) for one in whole)), rel=1e-3
    )
    assert logs["discriminator_gradient"] == pytest.approx(
        np.sqrt(sum(np.sum(np.square(one)) for one in theirs)), rel=1e-3
    )
    assert logs["reconstruction"] == pytest.approx(float(pixels), rel=1e-4) and logs[
        "discriminator"
    ] == pytest.approx(float(answer), rel=1e-3)
    assert logs["loss"] == pytest.approx(float(both + code_loss + weight * adversary), rel=1e-3)


def test_before_the_start_the_discriminator_is_neither_trained_nor_heard():
    trainee = _trainee("adam", active=0.0)
    before = trainee.discriminator.get_weights()  # running means among them
    logs, moved, _ = _step(trainee)
    for weight, old in zip(trainee.discriminator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert (
        int(trainee.discriminator_optimizer.iterations) == 0
        and logs["adaptive_weight"] == 0
        and logs["adversarial_steps"] == 0
    )
    assert all(np.abs(change).max() > 0 for change in moved)
    trainee.active.assign(1.0)
    logs, _, moved = _step(trainee)
    assert (
        all(np.abs(change).max() > 0 for change in moved[:-1]) and logs["adaptive_weight"] > 0
    )  # the last bias stands still while no answer is beyond 1
    assert int(trainee.discriminator_optimizer.iterations) == 1 and all(
        np.isfinite(value) for value in logs.values()
    )


def test_each_side_moves_its_own_weights_only():
    trainee = _trainee(keras.optimizers.SGD(0.5))
    trainee.optimizer.learning_rate.assign(0.0)
    _, moved, other = _step(trainee)
    assert max(np.abs(change).max() for change in moved) == 0 and all(
        np.abs(change).max() > 0 for change in other[:-1]
    )
    trainee.optimizer.learning_rate.assign(0.5)
    trainee.discriminator_optimizer.learning_rate.assign(0.0)
    _, moved, other = _step(trainee)
    assert (
        all(np.abs(change).max() > 0 for change in moved)
        and max(np.abs(change).max() for change in other) == 0
    )


def test_a_step_that_is_not_finite_moves_nobody():
    trainee = _trainee("adam")
    _step(trainee)
    images = IMAGES[:4].copy()
    images[0, 3, 5] = np.nan
    logs, moved, other = _step(trainee, images)
    assert logs["skipped_steps"] == 1 and max(np.abs(change).max() for change in moved + other) == 0
    guard = adversarial.AdversarialStart(0)
    with pytest.raises(RuntimeError, match="epoch 6: expected finite gradients"):
        guard.on_epoch_end(5, logs)
    logs, moved, _ = _step(trainee)
    assert logs["skipped_steps"] == 0 and all(np.isfinite(change).all() for change in moved)


def test_fused_adam_is_keras_adam():
    rng = np.random.default_rng(0)
    start, gradients = (
        rng.standard_normal((3, 4)).astype("float32"),
        rng.standard_normal((5, 3, 4)).astype("float32"),
    )
    variables = []
    for kind in (keras.optimizers.Adam, optimizers.FusedAdam):
        variable, optimizer = keras.Variable(start), kind(0.01, beta_1=0.5)
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        variables.append(variable.numpy())
    np.testing.assert_allclose(variables[1], variables[0], atol=1e-6)
    assert np.abs(variables[0] - start).max() > 0.01
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(optimizers.FusedAdam(0.02)))
    assert type(restored) is optimizers.FusedAdam and float(
        restored.learning_rate
    ) == pytest.approx(0.02)


class Stop(keras.callbacks.Callback):
    """Breaks off in the fourth epoch, when the discriminator has been at work for one."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


def _fit(folder, callbacks=()):
    model = _generator(1)
    history = training.fit(
        model,
        IMAGES[:14],
        IMAGES[14:],
        recipe=PLAN,
        folder=folder,
        seed=5,
        show=None,
        checkpoint_seconds=0,
        callbacks=callbacks,
        tensorboard=False,
    )
    return model, history


@pytest.mark.slow
def test_a_training_that_was_broken_off_ends_like_an_unbroken_one(tmp_path):
    unbroken, expected = _fit(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "broken", [Stop()])
    model, history = _fit(tmp_path / "broken")
    numbers = [column for column in expected if column != "seconds"]
    np.testing.assert_allclose(history[numbers], expected[numbers], rtol=1e-4, atol=1e-6)
    for weight, wanted in zip(model.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-4, atol=1e-6)
    assert (
        list(expected.adversarial_steps) == [0, 0, 1, 1]
        and (expected.adaptive_weight[2:] > 0).all()
    )
    loaded = models.load(tmp_path / "broken/model.keras")
    np.testing.assert_allclose(
        models.reconstruct(loaded, IMAGES), models.reconstruct(model, IMAGES), atol=1e-6
    )
    assert loaded.count_params() == model.count_params()  # the generator alone


def test_what_is_refused():
    with training.hardware(precision="mixed_float16"):
        with pytest.raises(ValueError, match="mixed_bfloat16"):
            _trainee("adam")


# ------------------------------------------------------------------------- perceptual distance


def test_the_perceptual_distance_is_nothing_to_itself_and_grows_with_blur(maps):
    from scipy import ndimage

    blurred = [
        ndimage.gaussian_filter(IMAGES, (0, sigma, sigma, 0)) for sigma in (0, 0.5, 1.0, 2.0)
    ]
    found = [float(perceptual.distance(maps, IMAGES, other)) for other in blurred]
    assert found[0] == 0 and found == sorted(found) and 0 < found[-1] <= 4
    assert not maps.network.trainable_weights


def test_black_pictures_have_finite_gradients(maps):
    output = tf.Variable(np.full((2, *SHAPE), 1e-6, "float32"))
    with tf.GradientTape() as tape:
        loss = perceptual.distance(maps, np.zeros((2, *SHAPE), "float32"), output)
    assert np.isfinite(tape.gradient(loss, output)).all()


def test_only_a_network_with_levels_gives_maps():
    with pytest.raises(ValueError, match="level0, level1"):
        perceptual.maps_of(features.Space(_generator(), "no levels"))
    with pytest.raises(FileNotFoundError, match="notop.h5"):
        perceptual.vgg16_maps("nowhere.h5")


@pytest.mark.slow
def test_vgg16_from_a_file(tmp_path):
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
    network.save_weights(tmp_path / "vgg16.weights.h5")
    maps = perceptual.vgg16_maps(tmp_path / "vgg16.weights.h5")
    scaled = keras.applications.vgg16.preprocess_input(255 * np.repeat(IMAGES[:2], 3, axis=-1))
    expected = keras.Model(network.input, network.get_layer("block2_conv2").output)(scaled)
    np.testing.assert_allclose(maps.network(IMAGES[:2])[1], expected, rtol=1e-3, atol=1e-3)
    assert (
        len(maps.network.outputs) == 5
        and "ImageNet" in maps.name
        and float(perceptual.distance(maps, IMAGES[:2], IMAGES[2:4])) > 0
    )
