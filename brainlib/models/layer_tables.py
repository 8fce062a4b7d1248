"""What a model is made of, read from its own graph: one row a layer, sub-models opened."""

import math

import keras

SETTINGS = (
    "filters",
    "units",
    "kernel_size",
    "pool_size",
    "strides",
    "rate",
    "cropping",
    "size",
    "negative_slope",
)


def layer_table(model):
    """The layers of a model in the order in which an image passes them.

    Sub-models are opened: their layers are called "encoder/conv_1". A layer that is used again has no weights of its
    own the second time, so that the column `parameters` adds up to `model.count_params()`.

    Returns:
        A list of dictionaries: `layer`, `kind` (class), `settings` ("3x3, stride 2"), `output` (shape of one image's,
        the first output's where there are several), `parameters`, `trainable`, and `inputs` (names of the layers that
        feed it; "image" for the model's input).
    """
    rows = []
    if getattr(model, "inputs", None) is None:  # a class of its own, which has no graph to read
        return [_row(layer, None, "", []) for layer in model.layers]
    _walk(model, "", {id(tensor): "image" for tensor in model.inputs}, rows, set())
    return rows


def _walk(model, prefix, names, rows, counted):
    """Adds the rows of one model; `names` says which layer made which tensor, `counted` whose weights were counted."""
    for operation, node in _nodes(model):
        if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
            names.update(
                (id(inner), names[id(outer)])
                for outer, inner in zip(node.input_tensors, operation.inputs)
            )
            _walk(operation, f"{prefix}{operation.name}/", names, rows, counted)
            names.update(
                (id(outer), names[id(inner)])
                for outer, inner in zip(node.output_tensors, operation.outputs)
            )
            continue
        inputs = list(
            dict.fromkeys(names[id(tensor)] for tensor in node.input_tensors if id(tensor) in names)
        )
        row = _row(operation, node, prefix, inputs)
        if id(operation) in counted:
            row |= {"layer": _unused(row["layer"], rows), "parameters": 0, "trainable": 0}
        counted.add(id(operation))
        rows.append(row)
        names.update((id(tensor), row["layer"]) for tensor in node.output_tensors)


def _unused(name, rows):
    taken = {row["layer"] for row in rows}
    return next(
        f"{name} (again {count})"
        for count in range(1, len(rows) + 2)
        if f"{name} (again {count})" not in taken
    )


def _nodes(model):
    """(layer or operation, node) from a model's inputs to its outputs, each after what feeds it."""
    stop, seen, order = {id(tensor) for tensor in model.inputs}, set(), []
    waiting = [(tensor, False) for tensor in reversed(model.outputs)]
    while waiting:  # depth first without recursion: ResNet50 is deep
        tensor, fed = waiting.pop()
        if id(tensor) in stop:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if fed:
            order.append((operation, node))
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((tensor, True))
            waiting += [(parent, False) for parent in reversed(node.input_tensors)]
    return order


def _row(operation, node, prefix, inputs):
    output = tuple(node.output_tensors[0].shape[1:]) if node is not None else ()
    return {
        "layer": f"{prefix}{operation.name}",
        "kind": type(operation).__name__,
        "settings": _settings(operation),
        "output": output,
        "parameters": _count(getattr(operation, "weights", [])),
        "trainable": _count(getattr(operation, "trainable_weights", [])),
        "inputs": inputs,
    }


def _count(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def _settings(operation):
    """The few settings that tell two layers of a kind apart: "3x3, stride 2, sigmoid"."""
    said = []
    for name in SETTINGS:
        value = getattr(operation, name, None)
        if (
            value is None
            or callable(value)
            or value == 0
            or (name == "strides" and value in (1, (1, 1)))
        ):
            continue
        said.append(_setting(name, value))
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    return ", ".join(said + ([activation] if activation != "linear" else []))


def _setting(name, value):
    if name == "strides":
        return (
            f"stride {value[0] if len(set(value)) == 1 else shape_words(value)}"
            if isinstance(value, tuple)
            else f"stride {value}"
        )
    if isinstance(value, (tuple, list)):
        return shape_words(value)
    return f"{name.replace('_', ' ')} {value:g}"


def shape_words(shape):
    """(16, 16, 128) -> "16x16x128"."""
    return "x".join(map(str, shape))


# ------------------------------------------------------------------------------------------------ blocks, for a diagram

CARRIERS = {
    "Conv2D": "conv",
    "Conv2DTranspose": "transposed conv",
    "Dense": "dense",
    "Add": "add",
    "Concatenate": "concatenate",
}
WORDS = {**CARRIERS, "Sampling": "latent", "KLDivergence": "KL term", "KeepFirst": "output"}
FOLLOWERS = (
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
WITHIN_A_BLOCK = 16  # layers of the largest residual block


def blocks(model):
    """The layers of a model put together to the blocks that a diagram shows.

    A residual block is one, a convolution with what follows it (norm, activation, dropout) is one, and alike blocks in
    a row are one with a number of `repeats`.

    Returns:
        A list of dictionaries: `kind` ("conv", "transposed conv", "dense", "residual block", "add", "concatenate",
        "latent", "codebook" or the class's name), `settings`, `output`, `parameters`, `repeats`, `layers` (names) and `inputs`
        (numbers of the blocks that feed it; -1 is the image).
    """
    rows = layer_table(model)
    if any(not row["inputs"] for row in rows):
        raise ValueError(
            f"{model.name} is a class without a graph: a diagram needs a functional model."
        )
    numbers = {row["layer"]: number for number, row in enumerate(rows)}
    group = _in_residual_blocks(rows, numbers)
    group = _with_what_follows(rows, numbers, group)
    return _repeated(_summaries(rows, numbers, group))


def _parents(row, numbers):
    return [numbers[name] for name in row["inputs"] if name in numbers]


def _in_residual_blocks(rows, numbers):
    """For each row the number of the addition that closes its residual block, or its own number."""
    group = list(range(len(rows)))
    children = {number: set() for number in range(-1, len(rows))}
    for number, row in enumerate(rows):
        for parent in _parents(row, numbers) or [-1]:
            children[parent].add(number)
    for number, row in enumerate(rows):
        if row["kind"] == "Add":
            inside = _between_fork_and(number, rows, numbers)
            closed = all(children[one] <= inside for one in inside - {number})
            if (
                len(inside) <= WITHIN_A_BLOCK
                and closed
                and not any(_is_landmark(rows[one]) for one in inside)
            ):
                for one in inside:
                    group[one] = number
    return group


def _is_landmark(row):
    """Layers that are never hidden inside a residual block."""
    return row["kind"] == "Conv2DTranspose" or row["layer"].split("/")[-1].startswith(
        ("latent", "skip_")
    )


def _between_fork_and(number, rows, numbers):
    """Numbers of the layers between an addition (with it) and the one layer that all its branches start from."""
    frontier, inside = {number}, set()
    while len(frontier) > 1 or not inside:
        last = max(frontier)
        if last < 0:
            break
        frontier.remove(last)
        inside.add(last)
        frontier |= set(_parents(rows[last], numbers)) or {-1}
    return inside


def _with_what_follows(rows, numbers, group):
    """Puts norms, activations and the like to the block before them."""
    for number, row in enumerate(rows):
        parents = _parents(row, numbers)
        alone = group[number] == number and row["kind"] in FOLLOWERS and len(parents) == 1
        if alone and row["layer"].split("/")[-1] != "latent":
            group[number] = group[parents[0]]
    return group


def _summaries(rows, numbers, group):
    members = {}
    for number, home in enumerate(group):
        members.setdefault(home, []).append(number)
    order = sorted(members)  # a block's home comes after the homes of all that feed it
    place = {number: index for index, home in enumerate(order) for number in members[home]}
    found = []
    for index, home in enumerate(order):
        inside = [rows[number] for number in members[home]]
        feeding = {place.get(numbers.get(name), -1) for row in inside for name in row["inputs"]} - {
            index
        }
        found.append(
            {
                **_kind(inside),
                "output": _output(inside),
                "parameters": sum(row["parameters"] for row in inside),
                "repeats": 1,
                "layers": [row["layer"] for row in inside],
                "inputs": sorted(feeding),
            }
        )
    return found


def _kind(inside):
    """Kind and settings of a block of rows."""
    carriers = [row for row in inside if row["kind"] in CARRIERS]
    convs = [row for row in carriers if row["kind"] == "Conv2D"]
    if inside[0]["layer"].split("/")[-1] in ("latent", "quantizer"):
        return {
            "kind": "latent" if inside[0]["layer"].endswith("latent") else "codebook",
            "settings": "",
        }
    if len(carriers) > 1 and any(row["kind"] == "Add" for row in carriers):
        stride = ", stride 2" if any("stride 2" in row["settings"] for row in convs) else ""
        return {"kind": "residual block", "settings": f"{len(convs)} convs{stride}"}
    head, name = carriers[0] if carriers else inside[0], inside[0]["layer"].split("/")[-1]
    if head["kind"] == "Dense" and not name.startswith("dense"):
        return {"kind": "dense", "settings": name}
    settings = ", ".join(
        part for part in head["settings"].split(", ") if not part.startswith(("filters", "units"))
    )
    return {"kind": WORDS.get(head["kind"], head["kind"]), "settings": settings}


def _output(inside):
    """Shape of what a block gives; of feature maps, where it flattens them at last."""
    rank = max(len(row["output"]) for row in inside)
    return [row["output"] for row in inside if len(row["output"]) == rank][-1]


def _repeated(found):
    """Alike blocks that follow each other become one."""
    kept, place = [], {-1: -1}
    for number, block in enumerate(found):
        inputs = sorted({place[one] for one in block["inputs"]})
        last = kept[-1] if kept else {}
        alike = all(block[name] == last.get(name) for name in ("kind", "settings", "output"))
        if alike and inputs == [len(kept) - 1] and _leaves_once(found, number - 1):
            last.update(
                repeats=last["repeats"] + 1,
                parameters=last["parameters"] + block["parameters"],
                layers=last["layers"] + block["layers"],
            )
        else:
            kept.append({**block, "inputs": inputs})
        place[number] = len(kept) - 1
    return kept


def _leaves_once(found, number):
    """Whether what a block gives goes to one other block only."""
    return sum(number in block["inputs"] for block in found) == 1
