"""Areas under curves, Dice and thresholds of any number of pixels (thesis 002, section 4.2.4).

`counter` counts scores at thresholds and gives the areas, `rows` keeps those counts few, `search`
finds the threshold of the best Dice, `overlap` has the Dice of two masks.
"""

from brainlib.anomaly.curve_counts.counter import (
    Curves,
    ScoreCounter,
    count_scores,
    curves,
    operating_point,
)
from brainlib.anomaly.curve_counts.overlap import dice
from brainlib.anomaly.curve_counts.search import OperatingPoint
