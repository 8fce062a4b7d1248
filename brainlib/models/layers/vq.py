"""Vector quantisation: each place of a feature map is replaced by the nearest vector of a codebook.

Below the layer stand functions of NumPy that say what code maps hold: perplexity, share of codes in use, bits an image.
"""

import math

import keras
import numpy as np
from keras import ops

REGISTERED = keras.saving.register_keras_serializable("brainlib")
CODEBOOKS = ("gradient", "average")


def nearest_code(z, codebook):
    """Index of the closest code (squared L2). z: (..., D), codebook: (K, D) -> (...) int32. Of equals the first."""
    flat = ops.reshape(z, (-1, codebook.shape[-1]))  # (N, D)
    distance = ops.sum(ops.square(codebook), axis=1) - 2.0 * ops.matmul(
        flat, ops.transpose(codebook)
    )
    # |z|^2 is left out: it is the same for every code.
    return ops.reshape(ops.cast(ops.argmin(distance, axis=1), "int32"), ops.shape(z)[:-1])


@REGISTERED
class CodeUsage(keras.metrics.Metric):
    """Counts codes over an epoch; gives `perplexity` (1 to K) and `codes_used`, the share of codes met at least once."""

    def __init__(self, codebook_size, *, name="code_usage", **kwargs):
        super().__init__(name=name, **kwargs)
        self.counts = self.add_variable((codebook_size,), initializer="zeros", name="counts")

    def update_state(self, counts, sample_weight=None):
        self.counts.assign_add(ops.cast(counts, self.counts.dtype))

    def result(self):
        share = self.counts / ops.maximum(ops.sum(self.counts), 1.0)
        nats = -ops.sum(share * ops.log(ops.maximum(share, 1e-12)))
        return {
            "perplexity": ops.exp(nats),
            "codes_used": ops.mean(ops.cast(self.counts > 0, "float32")),
        }


@REGISTERED
class VectorQuantizer(keras.layers.Layer):
    """Replaces each vector of (B, h, w, D) by the nearest of `codebook_size` codes; the gradient goes straight through.

    Adds `commitment` * mean (z - code)^2 to the loss, and with a codebook learned by gradient mean (code - z)^2 (van den
    Oord et al. 2017, equation 3; seeds 000 and 002). With `codebook="average"` codes are moving averages of the vectors
    that chose them. Only training moves codes. Metrics: see `CodeUsage`.

    Args:
        codebook_size: number of codes K.
        codebook: "gradient" or "average".
        commitment: weight of the pull on the encoder; both seeds have 0.25.
        decay: of the moving averages.
        kmeans_start: the codes begin as K means of the first training batch; otherwise as small random numbers, as the
            seeds' do.
        restart_after: training batches after which a code that nothing chose becomes a vector of the batch, drawn with
            a probability that grows with the squared distance to its code; 0 never restarts (the seeds).
        loss_weight: factor on both terms. With the mean squared error as the other loss, the variance of the training
            pictures makes the sum that of seed 000, up to a factor.
        seed: of start and restarts.
    """

    def __init__(
        self,
        codebook_size=128,
        *,
        codebook="gradient",
        commitment=0.25,
        decay=0.99,
        kmeans_start=True,
        restart_after=20,
        loss_weight=1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if codebook not in CODEBOOKS:
            raise ValueError(f"codebook: expected one of {', '.join(CODEBOOKS)}, got {codebook!r}.")
        if codebook_size < 2:
            raise ValueError(f"codebook_size: expected 2 codes or more, got {codebook_size}.")
        self.codebook_size, self.kind, self.commitment, self.decay = (
            int(codebook_size),
            codebook,
            commitment,
            decay,
        )
        self.kmeans_start, self.restart_after = bool(kmeans_start), int(restart_after)
        self.loss_weight, self.seed = loss_weight, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.usage = CodeUsage(self.codebook_size)

    def build(self, input_shape):
        size, dim = self.codebook_size, input_shape[-1]
        limit = 1.0 / size  # as van den Oord's code and the Keras example have it
        learned = self.kind == "gradient"
        self.codebook = self.add_weight(
            name="codebook",
            shape=(size, dim),
            trainable=learned,
            dtype="float32",
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        state = {"trainable": False, "dtype": "float32", "initializer": "zeros"}
        self.idle = self.add_weight(
            name="idle", shape=(size,), **state
        )  # batches since a code was chosen
        self.started = self.add_weight(name="started", shape=(), **state)
        self.restarts = self.add_weight(
            name="restarts", shape=(), **state
        )  # codes restarted so far
        if not learned:
            self.sizes = self.add_weight(
                name="sizes", shape=(size,), **{**state, "initializer": "ones"}
            )
            self.sums = self.add_weight(name="sums", shape=(size, dim), **state)
        self.built = True

    def call(self, inputs, training=False):
        z = ops.cast(inputs, "float32")  # distances in half precision would tie
        flat = ops.reshape(z, (-1, z.shape[-1]))  # (N, D), N = B*h*w
        if training:
            self._start(ops.stop_gradient(flat))
        codes = nearest_code(flat, self.codebook)  # (N,)
        chosen = ops.one_hot(codes, self.codebook_size, dtype="float32")  # (N, K)
        counts = ops.sum(chosen, axis=0)
        self.usage.update_state(counts)
        quantised = ops.reshape(ops.take(self.codebook, codes, axis=0), ops.shape(z))
        self._add_losses(z, quantised)
        if training:
            self._update(
                ops.stop_gradient(flat),
                ops.stop_gradient(ops.reshape(quantised, ops.shape(flat))),
                chosen,
                counts,
            )
        return ops.cast(z + ops.stop_gradient(quantised - z), inputs.dtype)

    def codes(self, z):
        """Codes (B, h, w) int32 of encoder outputs (B, h, w, D)."""
        return nearest_code(ops.cast(z, "float32"), self.codebook)

    def vectors(self, codes):
        """Code vectors (B, h, w, D) of codes (B, h, w)."""
        return ops.take(self.codebook, codes, axis=0)

    def _add_losses(self, z, quantised):
        loss = self.commitment * ops.mean(ops.square(z - ops.stop_gradient(quantised)))
        if self.kind == "gradient":
            loss = loss + ops.mean(ops.square(quantised - ops.stop_gradient(z)))
        self.add_loss(self.loss_weight * loss)

    def _start(self, flat):
        """The first training batch gives the codes; a start that was made is never made again, nor after loading."""
        begin = self.codebook * 1.0
        if self.kmeans_start:
            begin = ops.cond(
                self.started > 0,
                lambda: self.codebook * 1.0,
                lambda: kmeans(flat, self.codebook_size, seed=self.seed_generator),
            )
            self.codebook.assign(begin)
        if self.kind == "average":
            self.sums.assign(ops.where(self.started > 0, self.sums, begin * self.sizes[:, None]))
        self.started.assign(1.0)

    def _update(self, flat, quantised, chosen, counts):
        if self.kind == "average":
            self.sizes.assign(self.decay * self.sizes + (1.0 - self.decay) * counts)
            self.sums.assign(
                self.decay * self.sums
                + (1.0 - self.decay) * ops.matmul(ops.transpose(chosen), flat)
            )
            self.codebook.assign(self.sums / ops.maximum(self.sizes, 1e-5)[:, None])
        self.idle.assign(ops.where(counts > 0, 0.0, self.idle + 1.0))
        if self.restart_after:
            self._restart(flat, ops.sum(ops.square(flat - quantised), axis=1))

    def _restart(self, flat, error):
        """Dead codes become vectors of the batch, rather those that are far from their own code. error: (N,)."""
        dead = self.idle >= self.restart_after  # (K,)
        drawn = keras.random.categorical(
            ops.log(error + 1e-9)[None], self.codebook_size, seed=self.seed_generator
        )[0]
        vectors = ops.take(flat, drawn, axis=0)  # (K, D)
        self.codebook.assign(ops.where(dead[:, None], vectors, self.codebook))
        if self.kind == "average":
            self.sizes.assign(ops.where(dead, 1.0, self.sizes))
            self.sums.assign(ops.where(dead[:, None], vectors, self.sums))
        self.idle.assign(ops.where(dead, 0.0, self.idle))
        self.restarts.assign_add(ops.sum(ops.cast(dead, "float32")))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "codebook": self.kind,
            "commitment": self.commitment,
            "decay": self.decay,
            "kmeans_start": self.kmeans_start,
            "restart_after": self.restart_after,
            "loss_weight": self.loss_weight,
            "seed": self.seed,
        }


def kmeans(points, count, *, seed, rounds=10):
    """Means of `count` clusters of points (N, D), by Lloyd's rounds from a start spread out as k-means++ spreads it.

    The start draws all centres but the first at once, with a probability that grows with the squared distance from the
    mean. A centre that nothing chooses stays where it is. N may be smaller than `count`: then points come up twice.
    """
    far = ops.sum(ops.square(points - ops.mean(points, axis=0)), axis=1)  # (N,)
    drawn = keras.random.categorical(ops.log(far + 1e-9)[None], count, seed=seed)[0]
    centres = ops.take(points, drawn, axis=0)  # (K, D)
    for _ in range(rounds):
        chosen = ops.one_hot(nearest_code(points, centres), count, dtype="float32")
        sizes = ops.sum(chosen, axis=0)[:, None]
        moved = ops.matmul(ops.transpose(chosen), points) / ops.maximum(sizes, 1.0)
        centres = ops.where(sizes > 0, moved, centres)
    return centres


# ------------------------------------------------------------------------------------------------ what code maps hold


def code_shares(codes, codebook_size, *, mask=None):
    """Share of each code, (K,). codes: whole numbers of any shape; mask: bool of that shape, all places when absent."""
    codes = np.asarray(codes)
    if codes.size and (codes.min() < 0 or codes.max() >= codebook_size):
        raise ValueError(
            f"codes: expected 0 to {codebook_size - 1}, got {codes.min()} to {codes.max()}."
        )
    if mask is not None and np.shape(mask) != codes.shape:
        raise ValueError(f"mask: expected the codes' shape {codes.shape}, got {np.shape(mask)}.")
    kept = codes.ravel() if mask is None else codes[np.asarray(mask, bool)]
    if not kept.size:
        return np.full(codebook_size, np.nan)
    return np.bincount(kept, minlength=codebook_size) / kept.size


def entropy_bits(shares):
    """Entropy in bits of shares that add up to 1."""
    shares = np.asarray(shares, float)
    return float(-np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0))))


def perplexity(codes, codebook_size, *, mask=None):
    """2 to the entropy of the codes: how many equally frequent codes would say as much; 1 to K. NaN of no place."""
    return 2.0 ** entropy_bits(code_shares(codes, codebook_size, mask=mask))


def share_in_use(codes, codebook_size, *, mask=None):
    """Share of the codebook that occurs at least once."""
    shares = code_shares(codes, codebook_size, mask=mask)
    return math.nan if np.isnan(shares).any() else float(np.mean(shares > 0))


def bits_an_image(codebook_size, grid):
    """Bits that a code map can hold: places times log2 of the codebook's size. grid: (h, w)."""
    return math.prod(grid) * math.log2(codebook_size)


def code_mask(masks, grid, *, share=0.5):
    """Places of the code map that lie on the brain. masks: bool (N, H, W) -> bool (N, h, w).

    A place counts when at least `share` of the pixels of its cell do; where H is no multiple of h, cells differ by a
    pixel.
    """
    masks = np.asarray(masks, float).reshape(np.shape(masks)[:3])
    for axis, cells in zip((1, 2), grid):
        edges = np.linspace(0, masks.shape[axis], cells + 1).round().astype(int)
        masks = np.stack(
            [
                masks.take(range(low, high), axis=axis).mean(axis=axis)
                for low, high in zip(edges[:-1], edges[1:])
            ],
            axis=axis,
        )
    return masks >= share
