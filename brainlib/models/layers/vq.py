"""Vector quantisation: each place of a feature map is replaced by the nearest codebook vector.

Below the layer stand functions of NumPy that say what code maps hold: perplexity, share of codes in
use, bits per image.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from brainlib.models.tensors import Tensor

CODEBOOKS = ("gradient", "average")
SMALLEST_SIZE = 1e-5  # of a cluster that is divided by
SMALLEST_DISTANCE = 1e-9  # of a vector whose logarithm is taken


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Index of the closest code (squared L2); of equals the first.

    z: (..., D), codebook: (K, D) -> (...) int32.
    """
    flat = ops.reshape(z, (-1, codebook.shape[-1]))  # (N, D)
    cross = ops.matmul(flat, ops.transpose(codebook))  # (N, K)
    distance = ops.sum(ops.square(codebook), axis=1) - 2.0 * cross  # |z|^2 is the same for all
    codes = ops.cast(ops.argmin(distance, axis=1), "int32")
    return ops.reshape(codes, ops.shape(z)[:-1])


@keras.saving.register_keras_serializable("brainlib")
class CodeUsage(keras.metrics.Metric):
    """Counts codes over an epoch.

    Gives `perplexity` (1 to K) and `codes_used`, the share of codes met at least once.

    Args:
        codebook_size: number of codes K.
        name: of the metric.
        **kwargs: of every Keras metric.
    """

    def __init__(self, codebook_size: int, *, name: str = "code_usage", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.counts = self.add_variable((codebook_size,), initializer="zeros", name="counts")

    def update_state(self, counts: Tensor, sample_weight: Tensor | None = None) -> None:
        """counts: (K,), how often a batch chose each code."""
        self.counts.assign_add(ops.cast(counts, self.counts.dtype))

    def result(self) -> dict[str, Tensor]:
        share = self.counts / ops.maximum(ops.sum(self.counts), 1.0)  # (K,)
        nats = -ops.sum(share * ops.log(ops.maximum(share, 1e-12)))
        return {
            "perplexity": ops.exp(nats),
            "codes_used": ops.mean(ops.cast(self.counts > 0, "float32")),
        }


@keras.saving.register_keras_serializable("brainlib")
class VectorQuantizer(keras.layers.Layer):
    """Replaces each vector of (B, h, w, D) by the nearest of K codes.

    The gradient goes straight through. Adds `commitment` * mean (z - code)^2 to the loss, and with
    a codebook learned by gradient mean (code - z)^2 (van den Oord et al. 2017, equation 3; theses
    000 and 002). With `codebook="average"` codes are moving averages of the vectors that chose
    them (the same paper, appendix A.1). Only training moves codes. Metrics: see `CodeUsage`.

    Args:
        codebook_size: number of codes K.
        codebook: "gradient" or "average".
        commitment: weight of the pull on the encoder; both theses have 0.25.
        decay: of the moving averages.
        kmeans_start: the codes begin as K means of the first training batch; otherwise as small
            random numbers, as the theses' do.
        restart_after: training batches after which a code that nothing chose becomes a vector of
            the batch, drawn with a probability that grows with the squared distance to its code; 0
            never restarts (the theses).
        loss_weight: factor on both terms. With the mean squared error as the other loss, the
            variance of the training pictures makes the sum that of thesis 000, up to a factor.
        seed: of start and restarts.
        **kwargs: of every Keras layer.
    """

    def __init__(
        self,
        codebook_size: int = 128,
        *,
        codebook: str = "gradient",
        commitment: float = 0.25,
        decay: float = 0.99,
        kmeans_start: bool = True,
        restart_after: int = 20,
        loss_weight: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if codebook not in CODEBOOKS:
            raise ValueError(f"codebook: expected one of {', '.join(CODEBOOKS)}, got {codebook!r}.")
        if codebook_size < 2:
            raise ValueError(f"codebook_size: expected 2 codes or more, got {codebook_size}.")
        self.codebook_size = int(codebook_size)
        self.kind = codebook
        self.commitment = commitment
        self.decay = decay
        self.kmeans_start = bool(kmeans_start)
        self.restart_after = int(restart_after)
        self.loss_weight = loss_weight
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.usage = CodeUsage(self.codebook_size)

    def build(self, input_shape: tuple) -> None:
        size, dim = self.codebook_size, input_shape[-1]
        limit = 1.0 / size  # as van den Oord's code and the Keras example have it
        self.codebook = self.add_weight(
            name="codebook",
            shape=(size, dim),
            trainable=self.kind == "gradient",
            dtype="float32",
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        self.idle = self._add_state("idle", (size,))  # batches since a code was chosen
        self.started = self._add_state("started", ())
        self.restarts = self._add_state("restarts", ())  # codes restarted so far
        if self.kind == "average":
            self.sizes = self._add_state("sizes", (size,), initializer="ones")
            self.sums = self._add_state("sums", (size, dim))
        self.built = True

    def _add_state(self, name: str, shape: tuple, *, initializer: str = "zeros") -> keras.Variable:
        """A weight that no gradient changes."""
        return self.add_weight(
            name=name, shape=shape, trainable=False, dtype="float32", initializer=initializer
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        z = ops.cast(inputs, "float32")  # distances in half precision would tie
        flat = ops.reshape(z, (-1, z.shape[-1]))  # (N, D), N = B*h*w
        if training:
            self._start(ops.stop_gradient(flat))
        codes = nearest_code(flat, self.codebook)  # (N,)
        chosen = ops.one_hot(codes, self.codebook_size, dtype="float32")  # (N, K)
        counts = ops.sum(chosen, axis=0)  # (K,)
        self.usage.update_state(counts)
        quantised = ops.reshape(ops.take(self.codebook, codes, axis=0), ops.shape(z))
        self._add_losses(z, quantised)
        if training:
            flat_quantised = ops.reshape(quantised, ops.shape(flat))  # (N, D)
            self._update(ops.stop_gradient(flat), ops.stop_gradient(flat_quantised), chosen, counts)
        straight_through = z + ops.stop_gradient(quantised - z)
        return ops.cast(straight_through, inputs.dtype)

    def codes(self, z: Tensor) -> Tensor:
        """Codes (B, h, w) int32 of encoder outputs (B, h, w, D)."""
        return nearest_code(ops.cast(z, "float32"), self.codebook)

    def vectors(self, codes: Tensor) -> Tensor:
        """Code vectors (B, h, w, D) of codes (B, h, w)."""
        return ops.take(self.codebook, codes, axis=0)

    def _add_losses(self, z: Tensor, quantised: Tensor) -> None:
        loss = self.commitment * ops.mean(ops.square(z - ops.stop_gradient(quantised)))
        if self.kind == "gradient":
            loss = loss + ops.mean(ops.square(quantised - ops.stop_gradient(z)))
        self.add_loss(self.loss_weight * loss)

    def _start(self, flat: Tensor) -> None:
        """The first training batch gives the codes.

        A start that was made is never made again, nor after loading. flat: (N, D).
        """
        codebook = self.codebook * 1.0
        if self.kmeans_start:
            codebook = ops.cond(
                self.started > 0,
                lambda: self.codebook * 1.0,
                lambda: kmeans(flat, self.codebook_size, seed=self.seed_generator),
            )
            self.codebook.assign(codebook)
        if self.kind == "average":
            sums = codebook * self.sizes[:, None]  # (K, D)
            self.sums.assign(ops.where(self.started > 0, self.sums, sums))
        self.started.assign(1.0)

    def _update(self, flat: Tensor, quantised: Tensor, chosen: Tensor, counts: Tensor) -> None:
        """Moves averaged codes, counts idle ones and restarts them.

        flat, quantised: (N, D); chosen: (N, K) one-hot; counts: (K,).
        """
        if self.kind == "average":
            sums = ops.matmul(ops.transpose(chosen), flat)  # (K, D)
            self.sizes.assign(self.decay * self.sizes + (1.0 - self.decay) * counts)
            self.sums.assign(self.decay * self.sums + (1.0 - self.decay) * sums)
            self.codebook.assign(self.sums / ops.maximum(self.sizes, SMALLEST_SIZE)[:, None])
        self.idle.assign(ops.where(counts > 0, 0.0, self.idle + 1.0))
        if self.restart_after:
            self._restart(flat, ops.sum(ops.square(flat - quantised), axis=1))

    def _restart(self, flat: Tensor, error: Tensor) -> None:
        """Dead codes become vectors of the batch, rather those that are far from their own code.

        flat: (N, D); error: (N,).
        """
        dead = self.idle >= self.restart_after  # (K,)
        logits = ops.log(error + SMALLEST_DISTANCE)[None]  # (1, N)
        drawn = keras.random.categorical(logits, self.codebook_size, seed=self.seed_generator)[0]
        vectors = ops.take(flat, drawn, axis=0)  # (K, D)
        self.codebook.assign(ops.where(dead[:, None], vectors, self.codebook))
        if self.kind == "average":
            self.sizes.assign(ops.where(dead, 1.0, self.sizes))
            self.sums.assign(ops.where(dead[:, None], vectors, self.sums))
        self.idle.assign(ops.where(dead, 0.0, self.idle))
        self.restarts.assign_add(ops.sum(ops.cast(dead, "float32")))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
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


def kmeans(
    points: Tensor, count: int, *, seed: keras.random.SeedGenerator | int, rounds: int = 10
) -> Tensor:
    """Means of `count` clusters of points (N, D), by Lloyd's algorithm. -> (count, D).

    The start is spread out as k-means++ spreads it: all centres are drawn at once, with a
    probability that grows with the squared distance from the mean. A centre that nothing chooses
    stays where it is. N may be smaller than `count`: then points come up twice.
    """
    far = ops.sum(ops.square(points - ops.mean(points, axis=0)), axis=1)  # (N,)
    logits = ops.log(far + SMALLEST_DISTANCE)[None]  # (1, N)
    drawn = keras.random.categorical(logits, count, seed=seed)[0]
    centres = ops.take(points, drawn, axis=0)  # (K, D)
    for _ in range(rounds):
        chosen = ops.one_hot(nearest_code(points, centres), count, dtype="float32")  # (N, K)
        sizes = ops.sum(chosen, axis=0)[:, None]  # (K, 1)
        means = ops.matmul(ops.transpose(chosen), points) / ops.maximum(sizes, 1.0)
        centres = ops.where(sizes > 0, means, centres)
    return centres


# --------------------------------------------------------------------------- what code maps hold


def code_shares(
    codes: np.ndarray, codebook_size: int, *, mask: np.ndarray | None = None
) -> np.ndarray:
    """Share of each code, (K,); NaN where no place counts.

    Args:
        codes: whole numbers of any shape.
        codebook_size: number of codes K.
        mask: bool of the codes' shape, the places that count; all when absent.
    """
    codes = np.asarray(codes)
    if codes.size and (codes.min() < 0 or codes.max() >= codebook_size):
        raise ValueError(
            f"codes: expected 0 to {codebook_size - 1}, got {codes.min()} to {codes.max()}."
        )
    if mask is not None and np.shape(mask) != codes.shape:
        raise ValueError(f"mask: expected the codes' shape {codes.shape}, got {np.shape(mask)}.")
    counted = codes.ravel() if mask is None else codes[np.asarray(mask, bool)]
    if not counted.size:
        return np.full(codebook_size, np.nan)
    return np.bincount(counted, minlength=codebook_size) / counted.size


def entropy_bits(shares: np.ndarray) -> float:
    """Entropy in bits of shares that add up to 1."""
    shares = np.asarray(shares, float)
    return float(-np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0))))


def perplexity(codes: np.ndarray, codebook_size: int, *, mask: np.ndarray | None = None) -> float:
    """2 to the entropy of the codes: how many equally frequent codes would say as much.

    1 to K; NaN of no place.
    """
    return 2.0 ** entropy_bits(code_shares(codes, codebook_size, mask=mask))


def share_in_use(codes: np.ndarray, codebook_size: int, *, mask: np.ndarray | None = None) -> float:
    """Share of the codebook that occurs at least once."""
    shares = code_shares(codes, codebook_size, mask=mask)
    return math.nan if np.isnan(shares).any() else float(np.mean(shares > 0))


def bits_an_image(codebook_size: int, grid: Sequence[int]) -> float:
    """Bits that a code map can hold: places times log2 of the codebook's size. grid: (h, w)."""
    return math.prod(grid) * math.log2(codebook_size)


def code_mask(masks: np.ndarray, grid: Sequence[int], *, share: float = 0.5) -> np.ndarray:
    """Places of the code map that lie on the brain. masks: bool (N, H, W) -> bool (N, h, w).

    A place counts when at least `share` of the pixels of its cell do; where H is no multiple of h,
    cells differ by a pixel.
    """
    shares = np.asarray(masks, float).reshape(np.shape(masks)[:3])  # without channels
    for axis, cells in zip((1, 2), grid):
        edges = np.linspace(0, shares.shape[axis], cells + 1).round().astype(int)
        means = []
        for low, high in zip(edges[:-1], edges[1:]):
            means.append(shares.take(range(low, high), axis=axis).mean(axis=axis))
        shares = np.stack(means, axis=axis)
    return shares >= share
