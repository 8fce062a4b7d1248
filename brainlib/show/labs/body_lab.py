"""A head that one turns and cuts open, drawn by the graphics of the browser (NiiVue)."""

from __future__ import annotations

import collections
import functools
import gzip
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import ipywidgets
import nibabel
import numpy as np
import pandas as pd

from brainlib.heads import volumes
from brainlib.record import NotRunYet, Run, headless
from brainlib.show.labs import canvas, surface
from brainlib.show.labs.lab import STYLE, Still, Words, chooser, show_still, side_by_side, slider
from brainlib.show.labs.picture import GraphicsCheck
from brainlib.show.labs.slice_lab import mask_of, readable_heads, white_of
from brainlib.show.labs.surface import START, Body, Pose
from brainlib.show.labs.tasks import Task, TaskPanel

if TYPE_CHECKING:
    import ipyniivue

WIDTH, HEIGHT = 530, 400
STILL_SIDE = 200  # pixels that the still is computed with
FRONT = 180  # degrees of NiiVue's azimuth at which one stands before the face
WHOLE, BRAIN = "whole head", "brain alone"
FACES = (
    "A whole head shows a face, so the view opens with the front cut away; data/README.md says how "
    "to remove faces before heads, or pictures of them, are passed on."
)
NO_BRAIN = "No brain was found in this head: all of it is shown."
NO_GRAPHICS = (
    "This browser draws no 3-D graphics (WebGL 2). The picture is a still; the slice lab above "
    "needs none of it."
)


class Stand(NamedTuple):
    """The heads that can be turned.

    Attributes:
        names: of all heads.
        body: (name, WHOLE or BRAIN) -> `Body`.
    """

    names: Sequence[str]
    body: Callable[[str, str], Body]


class HeadIn3D:
    """A head beside sliders that turn it and cut it open.

    Attributes:
        controls: {name: ipywidget}.
        tasks: the panel of things to try.
        viewer: NiiVue; None before a browser said that it can draw it.
        box: the whole as one widget.
    """

    def __init__(self, stand: Stand, note: str) -> None:
        """Waits for a browser. note: whose heads."""
        self._stand, self.note, self.viewer = stand, note, None
        self._follows_mouse, self._sent = False, collections.deque(maxlen=40)
        self.controls = _controls(stand)
        self.tasks = TaskPanel([_share_of_brain(stand)], self.set)
        self._said = ipywidgets.HTML()
        self._screen = ipywidgets.VBox(
            layout=ipywidgets.Layout(width=f"{WIDTH}px", height=f"{HEIGHT + 4}px", flex="none")
        )
        self._check = GraphicsCheck()
        self._check.observe(self._checked, "graphics")
        for name in ("name", "part"):
            self.controls[name].observe(self._other_head, "value")
        for name in ("turn", "tilt", "cut"):
            self.controls[name].observe(self._pose_changed, "value")
        self.controls["window"].observe(self._window_changed, "value")
        self.box = self._arranged()
        self._describe()

    @property
    def pose(self) -> Pose:
        """How the head is seen."""
        return Pose(*(self.controls[name].value for name in Pose._fields))

    def body(self) -> Body:
        """The head that is shown."""
        return self._stand.body(self.controls["name"].value, self.controls["part"].value)

    def set(self, values: dict) -> None:
        """Moves controls."""
        for name, value in values.items():
            self.controls[name].value = value

    @functools.cached_property
    def still(self) -> Still:
        """The head as the view opens."""
        small = surface.picture_of(self._stand.body(self._stand.names[0], WHOLE), START, STILL_SIDE)
        paper = canvas.Canvas(WIDTH, HEIGHT)
        left = (WIDTH - HEIGHT) // 2
        paper.panel(small, (left, 0, left + HEIGHT, HEIGHT), smooth=True)
        paper.text((6, HEIGHT - 6), "R at the left, L at the right", anchor="lb")
        alt = _in_words(self._stand.names[0], WHOLE, START)
        controls = [control.description for control in self.controls.values()]
        return Still(canvas.png_bytes(paper.array()), alt, WIDTH, self.note, controls)

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        if headless():
            show_still(self)
            return
        display(HTML(self.still.html()))
        display(self.box)

    def _arranged(self) -> ipywidgets.Widget:
        left = [self._screen, self._check, self._said]
        column = [*self.controls.values(), self.tasks.box]
        return side_by_side(left, column, note=self.note, width=WIDTH)

    # ---- what follows a move

    def _checked(self, change) -> None:
        """The browser said whether it can draw."""
        if change.new == "none":
            picture = ipywidgets.Image(value=self.still.png, width=WIDTH, height=HEIGHT)
            self._screen.children = [picture]
            self._said.value = f'<div class="brain-lab-words">{escape(NO_GRAPHICS)}</div>'
            return
        if self.viewer is None:
            self.viewer = _viewer(self._dragged)
            self._other_head()
            self._screen.children = [self.viewer]

    def _other_head(self, _: object = None) -> None:
        if self.viewer is not None:
            body = self.body()
            no_brain = body.is_whole and self.controls["part"].value == BRAIN
            self._said.value = f'<div class="brain-lab-words">{NO_BRAIN}</div>' if no_brain else ""
            self.viewer.load_volumes([_volume_of(body, self.controls["window"].value)])
            self._pose_changed()
        self._describe()

    def _pose_changed(self, _: object = None) -> None:
        if self.viewer is not None and not self._follows_mouse:
            pose = self.pose
            self._sent.append((FRONT - pose.turn, pose.tilt))
            self.viewer.set_render_azimuth_elevation(*self._sent[-1])
            self.viewer.set_clip_plane(_clip_depth(pose.cut), FRONT, 0)
        self._describe()

    def _window_changed(self, change) -> None:
        if self.viewer is not None and self.viewer.volumes:
            shown = self.viewer.volumes[0]
            shown.cal_min, shown.cal_max = (255 * share for share in change.new)

    def _dragged(self, azimuth: float, elevation: float) -> None:
        """The sliders follow the mouse; what they sent comes back late, and is no move."""
        if (azimuth, elevation) in self._sent:
            return
        turn = (360 - azimuth) % 360 - 180
        self._follows_mouse = True
        self.set({"turn": round(turn), "tilt": round(elevation)})
        self._follows_mouse = False

    def _describe(self) -> None:
        name, part = self.controls["name"].value, self.controls["part"].value
        self._check.alt = _in_words(name, part, self.pose)


def _viewer(dragged: Callable[[float, float], None]) -> ipyniivue.NiiVue:
    """NiiVue's widget. dragged: is told (azimuth, elevation) where the mouse turned the head."""
    import ipyniivue

    viewer = ipyniivue.NiiVue(
        height=HEIGHT,
        back_color=(0, 0, 0, 1),
        clip_plane_color=(0, 0, 0, 0),
        is_orient_cube=True,
        show_3d_crosshair=False,
    )
    viewer.set_slice_type(ipyniivue.SliceType.RENDER)
    take_over = viewer.set_state

    def set_state(state):  # its own event does not come while the mouse turns the head
        take_over(state)
        if "scene" in state:
            dragged(viewer.scene.render_azimuth, viewer.scene.render_elevation)

    viewer.set_state = set_state
    return viewer


def _clip_depth(cut: float) -> float:
    """Where NiiVue cuts: 0 in the middle of the head, positive nearer to the eye; 2 cuts nothing.

    Args:
        cut: share that is taken away from the front.
    """
    return 0.5 - cut if cut else 2.0


def _volume_of(body: Body, window: tuple[float, float]) -> dict:
    """A head as NiiVue reads it: NIfTI, compressed, no name of anybody in it."""
    image = nibabel.Nifti1Image(body.grey, np.diag([*body.voxel_mm, 1]))
    low, high = (255 * share for share in window)
    data = gzip.compress(image.to_bytes(), 1)
    return {"data": data, "name": "head.nii.gz", "cal_min": low, "cal_max": high}


def _in_words(name: str, part: str, pose: Pose) -> str:
    side = "left" if pose.turn > 0 else "right"
    from_where = f"{abs(pose.turn):.0f} degrees from its front to its {side}"
    cut = f"the front {100 * pose.cut:.0f} % cut away" if pose.cut else "nothing cut away"
    return f"{name}, {part}, seen {from_where} and {pose.tilt:.0f} degrees from above; {cut}."


def _controls(stand: Stand) -> dict[str, ipywidgets.Widget]:
    turn, tilt, cut = START
    controls = {
        "name": chooser("head", stand.names),
        "part": chooser("show", (WHOLE, BRAIN)),
        "turn": slider("turn (°)", -180, 180, 5, turn, readout_format="+.0f"),
        "tilt": slider("tilt (°)", -90, 90, 5, tilt, readout_format="+.0f"),
        "cut": slider("cut away", 0, 1, 0.01, cut, readout_format=".0%"),
        "window": ipywidgets.FloatRangeSlider(
            description="window", min=0, max=1, step=0.02, value=(0.1, 0.9), readout_format=".2f"
        ),
    }
    controls["window"].style = STYLE
    return controls


# ------------------------------------------------------------------------------------- the lab


def head_in_3d(run: Run, cohort: pd.DataFrame | None = None) -> HeadIn3D | Words:
    """The heads of a run in 3-D: turn them, cut them open.

    Args:
        run: of 01 or 02.
        cohort: rows with subject, path, brain_path; that of 01 when absent.
    """
    try:
        cohort = run.read("01_explore", "cohort") if cohort is None else cohort
    except NotRunYet as error:
        return Words(f"**The 3-D view opens once chapter 01 has found the heads.** {error}")
    run.describe_data(cohort)
    return HeadIn3D(stand_of(cohort), f"{run.source_note}. {FACES}")


def stand_of(cohort: pd.DataFrame) -> Stand:
    """The heads of a cohort's table that can be read."""
    rows = cohort.drop_duplicates("subject").set_index("subject")

    @functools.lru_cache(maxsize=2)
    def read(name, part):
        row = rows.loc[name]
        volume = volumes.load(row.path)
        mask = mask_of(volume, row.brain_path) if part == BRAIN else None
        return surface.body_of(volume, mask, white_of(volume))

    return Stand(readable_heads(rows), read)


# ----------------------------------------------------------------------------------- what to try


def _share_of_brain(stand: Stand) -> Task:
    answers = ("less than a quarter", "a quarter to a half", "more than half")
    name = stand.names[0]

    def reveal():
        sizes = [int(stand.body(name, part).inside.sum()) for part in (BRAIN, WHOLE)]
        share = sizes[0] / max(sizes[1], 1)
        words = f"{100 * share:.0f} % of what the file shows of {name} is brain."
        return answers[int(share >= 0.25) + int(share > 0.5)], words

    words = (
        "Cut slowly from the front to the back. How much of the head, as far as the scan shows it, "
        "is brain? (To reveal it, the brain is looked for, which takes some seconds.)"
    )
    return Task("How much is brain?", words, answers, reveal, {"name": name, "part": WHOLE})
