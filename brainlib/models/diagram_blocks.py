"""A model's layers put together to the blocks that a diagram shows.

Each layer of `layer_table` is a row with a number. The steps decide to which block a row belongs:
first the additions gather their residual blocks, then norms and activations go to the block
before them, then the rows of a block become one, and at last alike blocks in a row become one.
"""

import keras

from brainlib.models.layer_tables import layer_table

LEARNED_OR_JOINING = {
    "Conv2D": "conv",
    "Conv2DTranspose": "transposed conv",
    "Dense": "dense",
    "Add": "add",
    "Concatenate": "concatenate",
}
WORDS = {
    **LEARNED_OR_JOINING,
    "Sampling": "latent",
    "KLDivergence": "KL term",
    "KeepFirst": "output",
}
FOLLOWERS = (  # layers that a diagram draws together with the one before them
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "ReLU",
    "LeakyReLU",
    "Activation",
    "Dropout",
    "SpatialDropout2D",
    "Identity",
    "Reshape",
    "Flatten",
    "Cropping2D",
    "Likelihood",
)
LARGEST_RESIDUAL_BLOCK = 16  # layers
IMAGE = -1  # number of the model's input, as if it were a row or a block


def blocks(model: keras.Model) -> list[dict]:
    """The layers of a model put together to the blocks that a diagram shows.

    A residual block is one, a convolution with what follows it (norm, activation, dropout) is one,
    and alike blocks in a row are one with a number of `repeats`.

    Returns:
        A list of dictionaries: `kind` ("conv", "transposed conv", "dense", "residual block",
        "add", "concatenate", "latent", "codebook" or the class's name), `settings`, `output`,
        `parameters`, `repeats`, `layers` (names) and `inputs` (numbers of the blocks that feed it;
        -1 is the image).

    Raises:
        ValueError: the model is a class without a graph.
    """
    rows = layer_table(model)
    if any(not row["inputs"] for row in rows):
        raise ValueError(
            f"{model.name} is a class without a graph: a diagram needs a functional model."
        )
    numbers = {row["layer"]: number for number, row in enumerate(rows)}
    parents = []  # of each row the numbers of the rows that feed it
    for row in rows:
        parents.append([numbers.get(name, IMAGE) for name in row["inputs"]])
    block_of = _gather_residual_blocks(rows, parents)
    _attach_followers(rows, parents, block_of)
    return _merge_repeats(_summaries(rows, parents, block_of))


def _gather_residual_blocks(rows: list[dict], parents: list[list[int]]) -> list[int]:
    """For each row the number of the addition that closes its residual block, or its own number."""
    block_of = list(range(len(rows)))
    children = {number: set() for number in range(IMAGE, len(rows))}
    for number, feeding in enumerate(parents):
        for parent in feeding:
            children[parent].add(number)
    for number, row in enumerate(rows):
        if row["kind"] != "Add":
            continue
        members = _rows_since_the_fork(number, parents)
        if len(members) > LARGEST_RESIDUAL_BLOCK or any(_is_landmark(rows[k]) for k in members):
            continue
        feeds_outside = any(children[k] - members for k in members - {number})
        if not feeds_outside:
            for member in members:
                block_of[member] = number
    return block_of


def _rows_since_the_fork(addition: int, parents: list[list[int]]) -> set[int]:
    """Numbers of an addition and of what lies between it and the one row where its branches fork.

    Rows are in the order in which an image passes them. So the latest open row is replaced by
    what feeds it, until one row is left: the fork.
    """
    open_rows = {addition}
    members = set()
    while len(open_rows) > 1 or not members:
        latest = max(open_rows)
        open_rows.remove(latest)
        members.add(latest)
        open_rows.update(parents[latest])
    return members


def _is_landmark(row: dict) -> bool:
    """Layers that are never hidden inside a residual block."""
    own_name = row["layer"].split("/")[-1]
    return row["kind"] == "Conv2DTranspose" or own_name.startswith(("latent", "skip_"))


def _attach_followers(rows: list[dict], parents: list[list[int]], block_of: list[int]) -> None:
    """Puts norms, activations and the like to the block before them; changes `block_of`."""
    for number, row in enumerate(rows):
        if block_of[number] != number or row["kind"] not in FOLLOWERS:
            continue
        is_latent = row["layer"].split("/")[-1] == "latent"
        if parents[number] != [IMAGE] and len(parents[number]) == 1 and not is_latent:
            block_of[number] = block_of[parents[number][0]]


def _summaries(rows: list[dict], parents: list[list[int]], block_of: list[int]) -> list[dict]:
    """One dictionary per block, in the order in which an image passes them."""
    members = {}
    for number, block in enumerate(block_of):
        members.setdefault(block, []).append(number)
    places = {IMAGE: IMAGE}  # of a row the place of its block in the list
    for place, block in enumerate(sorted(members)):
        for number in members[block]:
            places[number] = place
    found = []
    for place, block in enumerate(sorted(members)):
        inside = [rows[number] for number in members[block]]
        feeding = set()
        for number in members[block]:
            feeding.update(places[parent] for parent in parents[number])
        summary = {
            "kind": _kind(inside),
            "settings": _settings(inside),
            "output": _output(inside),
            "parameters": sum(row["parameters"] for row in inside),
            "repeats": 1,
            "layers": [row["layer"] for row in inside],
            "inputs": sorted(feeding - {place}),
        }
        found.append(summary)
    return found


def _kind(inside: list[dict]) -> str:
    """What a diagram calls a block of rows."""
    first = inside[0]["layer"].split("/")[-1]
    if first in ("latent", "quantizer"):
        return "latent" if first == "latent" else "codebook"
    if _is_residual(inside):
        return "residual block"
    kind = _main_row(inside)["kind"]
    return WORDS.get(kind, kind)


def _settings(inside: list[dict]) -> str:
    """What is said of a block below its kind: "3x3, stride 2", "2 convs", a dense layer's name."""
    first = inside[0]["layer"].split("/")[-1]
    if first in ("latent", "quantizer"):
        return ""
    if _is_residual(inside):
        convs = [row for row in inside if row["kind"] == "Conv2D"]
        strided = any("stride 2" in row["settings"] for row in convs)
        return f"{len(convs)} convs" + (", stride 2" if strided else "")
    main = _main_row(inside)
    if main["kind"] == "Dense" and not first.startswith("dense"):
        return first
    words = main["settings"].split(", ")
    return ", ".join(word for word in words if not word.startswith(("filters", "units")))


def _is_residual(inside: list[dict]) -> bool:
    kinds = [row["kind"] for row in inside if row["kind"] in LEARNED_OR_JOINING]
    return len(kinds) > 1 and "Add" in kinds


def _main_row(inside: list[dict]) -> dict:
    """The row that a block is named after: the first that learns or joins, else the first."""
    main = [row for row in inside if row["kind"] in LEARNED_OR_JOINING]
    return main[0] if main else inside[0]


def _output(inside: list[dict]) -> tuple:
    """Shape of what a block gives; of feature maps, where it flattens them at last."""
    rank = max(len(row["output"]) for row in inside)
    return [row["output"] for row in inside if len(row["output"]) == rank][-1]


def _merge_repeats(found: list[dict]) -> list[dict]:
    """Alike blocks that follow each other become one with a number of `repeats`."""
    merged = []
    places = {IMAGE: IMAGE}  # of a block its place among the merged ones
    for number, block in enumerate(found):
        inputs = sorted({places[feeding] for feeding in block["inputs"]})
        follows = bool(merged) and inputs == [len(merged) - 1]
        if follows and _alike(merged[-1], block) and _consumers(found, number - 1) == 1:
            merged[-1]["repeats"] += 1
            merged[-1]["parameters"] += block["parameters"]
            merged[-1]["layers"] += block["layers"]
        else:
            merged.append({**block, "inputs": inputs})
        places[number] = len(merged) - 1
    return merged


def _alike(block: dict, other: dict) -> bool:
    return all(block[name] == other[name] for name in ("kind", "settings", "output"))


def _consumers(found: list[dict], number: int) -> int:
    """To how many blocks a block's output goes."""
    return sum(number in block["inputs"] for block in found)
