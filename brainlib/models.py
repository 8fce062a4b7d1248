"""The networks: one table of names to builders. Published shapes are the default; `image_shape` and `width` shrink them.

Sources: seed 000 (figures 3.8 to 3.11), seed 004 (section 5.4.4 and its released weights).
"""

import math

import keras
from keras import layers

from brainlib.layers import KLDivergence, Sampling


def build(name, *, image_shape=None, width=1.0, **options):
    """A network by name.

    Args:
        name: one of `NAMES`.
        image_shape: (H, W, 1); None for the published one. Sides must be divisible by the network's total stride.
        width: factor on the number of filters (at least 4 stay).
        **options: of the family: `l2` (seed 004's networks; 1e-5 was published), `block` ("original" or "full_pre",
            shallow_residual), `latent_dim`, `beta`, `sample`, `seed` (vae).

    Returns:
        an uncompiled keras.Model, (B, H, W, 1) -> (B, H, W, 1) in [0, 1]. A vae has `.encoder` and `.decoder`.
    """
    if name not in BUILDERS:
        raise ValueError(f"model: expected one of {', '.join(NAMES)}, got {name!r}.")
    builder, shape, stride = BUILDERS[name]
    shape = tuple(image_shape or shape)
    if len(shape) != 3 or shape[2] != 1 or any(side % stride or side < stride for side in shape[:2]):
        raise ValueError(f"{name}: expected image_shape (H, W, 1) with sides divisible by {stride}, got {shape}.")
    if not width > 0:
        raise ValueError(f"{name}: expected width above 0, got {width}.")
    try:
        model = builder(shape, lambda filters: max(4, round(filters * width)), **options)
    except TypeError as error:
        raise ValueError(f"{name}: {error}. See models.build for the options of each family.") from error
    model.name = name
    return model


def load(path):
    """A saved model (.keras), safe mode on; a vae has its `.encoder` and `.decoder` again."""
    return _with_parts(keras.saving.load_model(path, safe_mode=True, compile=False))


def latent_size(model):
    """Numbers that a picture is pressed into, or None where skips carry the picture past the bottleneck."""
    name = model.name
    if name == "vae":
        return model.decoder.input_shape[-1]
    if name in ("residual_unet", "skip_connection_cae"):
        return None
    return math.prod(model.get_layer("latent").output.shape[1:])


def _with_parts(model):
    names = [layer.name for layer in model.layers]
    for part in ("encoder", "decoder"):
        if part in names:
            object.__setattr__(model, part, model.get_layer(part))
    return model


# ---- seed 004

def _l2(strength):
    return keras.regularizers.L2(strength) if strength else None


def _normalised(x):
    return layers.ReLU()(layers.BatchNormalization()(x))


def _residual(x, filters, stride, *, block, l2, project):
    """Residual block of seed 004, figure 5.11: "original" (He et al. 2015) or "full_pre" activation (He et al. 2016)."""
    def conv(inputs, strides):
        return layers.Conv2D(filters, 3, strides=strides, padding="same", kernel_regularizer=_l2(l2))(inputs)

    shortcut = x
    if project:
        shortcut = layers.Conv2D(filters, 1, strides=stride, padding="same", kernel_regularizer=_l2(l2))(x)
    if block == "full_pre":
        return layers.Add()([conv(_normalised(conv(_normalised(x), stride)), 1), shortcut])
    if block == "original":
        y = layers.BatchNormalization()(conv(_normalised(conv(x, stride)), 1))
        return layers.ReLU()(layers.Add()([y, shortcut]))
    raise ValueError(f"block: expected 'original' or 'full_pre', got {block!r}.")


def _up(x, filters, *, add=None):
    """Upsampling block of figures 5.12 and 5.15: transposed conv, batch norm, (add a skip,) ReLU. Never regularised."""
    x = layers.BatchNormalization()(layers.Conv2DTranspose(filters, 3, strides=2, padding="same")(x))
    return layers.ReLU()(x if add is None else layers.Add()([x, add]))


def _output(x, l2=0.0):
    return layers.Conv2D(1, 3, padding="same", activation="sigmoid", kernel_regularizer=_l2(l2), name="reconstruction")(x)


def _latent(x):
    return layers.Activation("linear", name="latent")(x)


def shallow_residual(shape, wide, *, block="full_pre", l2=0.0):
    """Seed 004, figure 5.13."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(wide(32), 3, strides=2, padding="same", kernel_regularizer=_l2(l2))(inputs)
    for filters, stride in ((64, 2), (64, 1), (128, 2)):
        x = _residual(x, wide(filters), stride, block=block, l2=l2, project=stride == 2)
    x = _latent(x)
    for filters in (64, 32, 16):
        x = _up(x, wide(filters))
    return keras.Model(inputs, _output(x, l2))


def residual_unet(shape, wide, *, l2=0.0):
    """Seed 004, figure 5.17: shallow_residual whose decoder sees the second block's and the first conv's outputs."""
    inputs = keras.Input(shape)
    first = layers.Conv2D(wide(32), 3, strides=2, padding="same", kernel_regularizer=_l2(l2))(inputs)
    x = _residual(first, wide(64), 2, block="full_pre", l2=l2, project=True)
    second = _residual(x, wide(64), 1, block="full_pre", l2=l2, project=False)
    x = _latent(_residual(second, wide(128), 2, block="full_pre", l2=l2, project=True))
    x = layers.Concatenate()([_up(x, wide(64)), second])
    x = layers.Concatenate()([_up(x, wide(32)), first])
    return keras.Model(inputs, _output(_up(x, wide(16)), l2))


def skip_connection_cae(shape, wide, *, l2=0.0):
    """Seed 004, figure 5.16: the skips add batch-norm outputs before the ReLU."""
    inputs = x = keras.Input(shape)
    skips = []
    for filters in (32, 64, 128):
        x = layers.Conv2D(wide(filters), 3, strides=2, padding="same", kernel_regularizer=_l2(l2))(x)
        skips.append(layers.BatchNormalization()(x))
        x = layers.ReLU()(skips[-1])
    x = _up(_latent(x), wide(64), add=skips[1])
    x = _up(x, wide(32), add=skips[0])
    return keras.Model(inputs, _output(_up(x, wide(16)), l2))


def myronenko_cae(shape, wide, *, l2=0.0):
    """Seed 004, figure 5.14: Myronenko's encoder (2018), one level shorter; a projection in every block."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(wide(32), 3, padding="same", kernel_regularizer=_l2(l2))(inputs)
    x = layers.SpatialDropout2D(0.1)(x)
    for filters, blocks in ((32, 1), (64, 2), (128, 2)):
        for _ in range(blocks):
            x = _residual(x, wide(filters), 1, block="full_pre", l2=l2, project=True)
        x = layers.Conv2D(wide(filters), 3, strides=2, padding="same", kernel_regularizer=_l2(l2))(x)
    x = _latent(x)
    for filters in (64, 32, 16):
        x = _up(x, wide(filters))
    return keras.Model(inputs, _output(x, l2))


# ---- seed 000

def vae(shape, wide, *, latent_dim=1024, beta=1.0, sample=False, seed=0):
    """Seed 000, figures 3.8 to 3.10: five 4x4 convs of stride 2, batch norm, leaky ReLU; the decoder mirrors them.

    Its figure of the decoder repeats the encoder; transposed convs are what its code has. Leaky ReLU with slope 0.3,
    Keras's default.
    """
    filters = [wide(number) for number in (16, 32, 64, 256, 1024)]
    inputs = x = keras.Input(shape)
    for number in filters:
        x = layers.Conv2D(number, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    grid = x.shape[1:]
    x = layers.Flatten()(x)
    mean, log_var = layers.Dense(latent_dim, name="mean")(x), layers.Dense(latent_dim, name="log_var")(x)
    encoder = keras.Model(inputs, [mean, log_var], name="encoder")

    latent = keras.Input((latent_dim,))
    x = layers.Reshape(grid)(layers.Dense(math.prod(grid))(latent))
    for number in filters[-2::-1]:
        x = layers.Conv2DTranspose(number, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid")(x)
    decoder = keras.Model(latent, x, name="decoder")

    pictures = keras.Input(shape)
    code = Sampling(sample=sample, seed=seed, name="sampling")(KLDivergence(beta, name="divergence")(encoder(pictures)))
    return _with_parts(keras.Model(pictures, decoder(code)))


BUILDERS = {                                             # name: (builder, published shape, total stride)
    "vae": (vae, (128, 128, 1), 32),
    "shallow_residual": (shallow_residual, (128, 128, 1), 8),
    "myronenko_cae": (myronenko_cae, (128, 128, 1), 8),
    "skip_connection_cae": (skip_connection_cae, (128, 128, 1), 8),
    "residual_unet": (residual_unet, (128, 128, 1), 8),
}
NAMES = tuple(BUILDERS)
