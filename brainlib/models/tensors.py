"""What the networks' functions take and give: the types in their signatures."""

import keras

# Symbolic while a network is put together; the backend's own tensor when it runs.
Tensor = keras.KerasTensor
Shape = tuple[int, ...]  # (H, W, C) of one image, without the batch
