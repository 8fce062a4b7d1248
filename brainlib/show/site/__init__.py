"""A run as pages for the web: executed notebooks, report, glossary, with no kernel and no network.

building     which pages there are, and the folder that holds them
texts        Markdown as HTML, formulas as MathML
notebooks    an executed notebook as HTML
links        where links lead, and texts without the machine's paths
images       pictures, each stored once, small
"""

from brainlib.show.site.building import Site, build

__all__ = ["Site", "build"]
