"""How is a brain smoothed without blurring its edges? Thesis 002, section 4.1.2; N4 beside it."""

import numpy as np
import SimpleITK
from scipy import ndimage
from skimage.restoration import denoise_tv_chambolle

SMOOTHING = ("curvature_flow", "total_variation", "none")


def smooth(image: np.ndarray, brain: np.ndarray, kind: str) -> np.ndarray:
    """Smoothing that keeps edges, on the brain's own extent.

    Args:
        image: float32 (X, Y, Z).
        brain: bool, the same shape.
        kind: "curvature_flow" (ITK's, five steps of 1/16) or "total_variation" (scikit-image's).
    """
    extent = ndimage.find_objects(brain.astype(np.uint8))[0]
    part = image[extent]
    if kind == "curvature_flow":
        flowed = SimpleITK.CurvatureFlow(
            SimpleITK.GetImageFromArray(part), timeStep=0.0625, numberOfIterations=5
        )
        part = SimpleITK.GetArrayFromImage(flowed)
    else:
        top = max(float(part.max()), 1e-12)
        part = denoise_tv_chambolle(part / top, weight=0.02, max_num_iter=20) * top
    result = np.zeros_like(image)
    result[extent] = part
    return result * brain


def without_bias(image: np.ndarray, brain: np.ndarray, *, shrink_by: int = 4) -> np.ndarray:
    """The image divided by its bias field as N4 estimates it on every fourth voxel.

    Args:
        image: float32 (X, Y, Z).
        brain: bool, the same shape.
        shrink_by: N4 looks at every so-many-th voxel.
    """
    whole = SimpleITK.GetImageFromArray(image)
    small = SimpleITK.Shrink(whole, [shrink_by] * 3)
    mask = SimpleITK.Shrink(SimpleITK.GetImageFromArray(brain.astype(np.uint8)), [shrink_by] * 3)
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([30, 20, 10])
    corrector.Execute(small, mask)
    field = SimpleITK.GetArrayFromImage(SimpleITK.Exp(corrector.GetLogBiasFieldAsImage(whole)))
    field = field / np.median(field[brain])
    return (image / np.maximum(field, 1e-3)).astype(np.float32) * brain
