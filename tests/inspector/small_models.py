"""Small models that learn within seconds, and synthetic cuts of heads to learn from."""

import keras
import numpy as np
from keras import layers

from brainlib.models import vae
from brainlib.models import vq as models_vq
from brainlib.models.layers.variational import Sampling
from brainlib.models.layers.vq import VectorQuantizer

SIDE = 32


def heads(count, seed):
    """Synthetic cuts of heads (count, 32, 32, 1): skull, brain, two ventricles.

    Size, place, turn and grey values vary.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j][:, None]  # (1, 32, 32) each

    def draw(low, high):
        return rng.uniform(low, high, (count, 1, 1))

    turn, left, up = draw(-0.6, 0.6), draw(-0.15, 0.15), draw(-0.15, 0.15)
    u = (x - left) * np.cos(turn) + (y - up) * np.sin(turn)
    v = (y - up) * np.cos(turn) - (x - left) * np.sin(turn)
    long, wide = draw(0.62, 0.85), draw(0.5, 0.7)

    def inside(a, b, across=0.0, along=0.0):
        return 1 / (1 + np.exp(14 * (np.hypot((u - across) / a, (v - along) / b) - 1)))

    picture = (
        draw(0.75, 0.95) * inside(wide, long)
        - 0.5 * inside(0.88 * wide, 0.88 * long)
        + draw(0.1, 0.35) * inside(0.8 * wide, 0.8 * long)
    )
    gap, size = draw(0.12, 0.2), draw(0.08, 0.2)
    for side in (-1, 1):
        picture = picture - draw(0.2, 0.4) * inside(0.5 * size, size, side * gap, draw(-0.2, 0.2))
    return np.clip(picture + rng.normal(0, 0.01, picture.shape), 0, 1).astype("float32")[..., None]


TRAIN, TEST = heads(320, 1), heads(32, 2)


def learn(model, epochs, *, rate=3e-3, images=TRAIN, loss="mse"):
    keras.utils.set_random_seed(1)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss)
    model.fit(images, images, batch_size=32, epochs=epochs, verbose=0)
    return model


def dense(units, activation="relu"):
    return layers.Dense(units, activation=activation)


def halves(latent, *, norm=False):
    """(input, hidden layer) of an encoder, and a decoder of vectors.

    All layers are dense: they learn within seconds.
    """
    keras.utils.set_random_seed(0)  # whatever ran before
    inputs = keras.Input((SIDE, SIDE, 1))
    hidden = dense(96)(layers.Flatten()(inputs))
    vectors = keras.Input((latent,))
    x = layers.BatchNormalization(momentum=0.9)(dense(96)(vectors)) if norm else dense(96)(vectors)
    outputs = layers.Reshape((SIDE, SIDE, 1))(dense(SIDE * SIDE, "sigmoid")(x))
    return inputs, hidden, keras.Model(vectors, outputs, name="decoder")


def make_autoencoder(*, norm=True, latent=12, kind=keras.Model):
    inputs, hidden, decoder = halves(latent, norm=norm)
    return kind(inputs, decoder(layers.Dense(latent, name="latent")(hidden)), name="small")


def make_vae(likelihood="optimal_sigma"):
    inputs, hidden, decoder = halves(12)
    narrow = keras.initializers.Constant(-3.0)
    mean = layers.Dense(12, name="mean")(hidden)
    log_var = layers.Dense(12, name="log_var", bias_initializer=narrow)(hidden)
    encoder = keras.Model(
        inputs, [mean, log_var, Sampling(seed=0)([mean, log_var])], name="encoder"
    )
    return vae.assemble_vae(
        encoder, decoder, likelihood=likelihood, beta=1.0, free_nats=0.0, name="small_vae"
    )


def make_vqvae(grid=4, codebook_size=32):
    inputs, hidden, decoder = halves(grid * grid * 4)
    vectors = keras.Input((grid, grid, 4))
    encoder = keras.Model(
        inputs,
        layers.Reshape((grid, grid, 4))(layers.Dense(grid * grid * 4)(hidden)),
        name="encoder",
    )
    quantizer = VectorQuantizer(
        codebook_size, codebook="average", restart_after=5, seed=0, name="quantizer"
    )
    return models_vq.assemble_vqvae(
        encoder,
        keras.Model(vectors, decoder(layers.Flatten()(vectors)), name="decoder"),
        quantizer,
        name="small_vqvae",
    )
