"""From a head to the slices that a network sees, and back (thesis 002, section 4.1.2).

The brain is put into a box of 140 x 190 x 158 mm (height, length, width) of 1 mm voxels along the
head's own axes; the network sees it at half of that: 70 axial slices of 95 x 79.

`box` places the box, `filters` smooth, `sizes` shrink and enlarge, `heads` do it all, `cache` keeps
what was made, `way_back` brings maps to the head's own space.
"""

from brainlib.anomaly.preparation.box import BOX_MM, SIZE, box_shape
from brainlib.anomaly.preparation.cache import prepare_cached
from brainlib.anomaly.preparation.filters import SMOOTHING
from brainlib.anomaly.preparation.heads import Prepared, prepare
from brainlib.anomaly.preparation.sizes import enlarge, shrink
from brainlib.anomaly.preparation.way_back import map_to_head, write_map
