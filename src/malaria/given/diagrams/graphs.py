"""Graphs of TensorFlow operations."""

from malaria.given.pictures import BLUE, GREY, ORANGE

# What the box of an operation says where its type would be less plain.
SIGNS = {"AddV2": "+", "Sub": "-", "Mul": "*", "RealDiv": "/", "StatelessWhile": "While"}


def plot_graphs(graphs):
    """Graphs of operations, one above the other: a box for each, with data flowing to the right.

    The body of a loop is a graph of its own, drawn below. What only counts the rounds is one box in
    the graph around the loop, and is left out of the body.

    Args:
        graphs: A dict from a title to a `tf.Graph` whose data are float32 or float64.
    """
    import matplotlib.pyplot as plt

    parts = [part for title, graph in graphs.items() for part in _parts_of(title, graph)]
    places = [_places_of(nodes) for _, nodes in parts]
    columns = max(column for place in places for column, _ in place.values())
    heights = [1.3 + max(row for _, row in place.values()) for place in places]
    figure, axes = plt.subplots(
        len(parts),
        figsize=(min(9, 2 + 0.8 * columns), sum(heights) * 0.45 + len(parts) * 0.3),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axis, (title, nodes), place, height in zip(axes.flat, parts, places, heights, strict=True):
        axis.set_title(title, fontsize=9, loc="left")
        right = max(max(column for column, _ in place.values()), columns / 2)  # room where few are
        axis.set(xlim=(-0.7, right + 0.7), ylim=(height - 0.7, -0.6))
        axis.axis("off")
        boxes = {}
        for name, (label, _) in nodes.items():
            frame = {"boxstyle": "round", "fc": "white", "ec": BLUE}
            if label == "While":
                frame |= {"ec": ORANGE, "lw": 2}
            text = axis.text(*place[name], label, ha="center", va="center", fontsize=8, bbox=frame)
            boxes[name] = text.get_bbox_patch()
        for name, (_, sources) in nodes.items():
            for source in sources:
                ends = {"patchA": boxes[source], "patchB": boxes[name], "shrinkA": 0, "shrinkB": 0}
                arrow = {"arrowstyle": "->", "color": GREY, **ends}
                axis.annotate("", place[name], place[source], arrowprops=arrow)
    return figure


def _parts_of(title, graph):
    """What is drawn of a graph and of its loops' bodies: a list of `(title, nodes)`.

    Nodes are a dict from a name to `(label, names of its inputs)`; inputs stand before their users.
    """
    definition = graph.as_graph_def()
    nodes = _nodes_of(definition.node)
    parts = [[f"{title}, {len(nodes)} operations", nodes]]
    bodies = {function.signature.name: function for function in definition.library.function}
    data = {node.name for node in definition.node if node.op == "Placeholder"}
    for loop in definition.node:
        if "body" in loop.attr:
            after = {name for name in nodes if loop.name in _behind(name, nodes)}
            counting = set(nodes) - after - data
            box = {"counting": (f"how often:\n{len(counting)} operations", [])}
            nodes[loop.name] = ("While", [*data, *box])
            left = {name: node for name, node in nodes.items() if name not in counting}
            parts[0][1] = nodes = box | left
            parts.append(["the body of the loop, once", _body(bodies[loop.attr["body"].func.name])])
    return parts


def _body(function):
    """The nodes of a loop's body that its float results depend on."""
    nodes = {argument.name: ("x", []) for argument in function.signature.input_arg}
    nodes |= _nodes_of(function.node_def)
    results = [result for result in function.signature.output_arg if result.type in (1, 2)]
    sources = [function.ret[result.name].partition(":")[0] for result in results]
    kept = set().union(*(_behind(source, nodes) for source in sources))
    return {name: node for name, node in nodes.items() if name in kept}


def _nodes_of(definitions):
    """The nodes of a graph's or a function's definition, as `_parts_of` has them."""
    nodes = {}
    for node in definitions:
        label = SIGNS.get(node.op, node.op.lower())
        if node.op == "Placeholder":
            label = node.name
        elif node.op == "Const":
            tensor = node.attr["value"].tensor
            label = f"{[*tensor.float_val, *tensor.int_val, '...'][0]}"
        nodes[node.name] = (label, [name.partition(":")[0] for name in node.input])
    return nodes


def _behind(name, nodes):
    """A node and all that it depends on, a set of names."""
    return {name}.union(*(_behind(source, nodes) for source in nodes[name][1]))


def _places_of(nodes):
    """A column and a row for each node: to the right of its inputs, what has none just before."""
    column = {}
    for name, (_, sources) in nodes.items():
        column[name] = 1 + max((column[source] for source in sources), default=-1)
    for name, (_, sources) in nodes.items():
        users = [column[user] for user, (_, inputs) in nodes.items() if name in inputs]
        if not sources and users:
            column[name] = min(users) - 1
    place, filled = {}, {}
    for name in sorted(nodes, key=lambda name: (not nodes[name][1], nodes[name][0] != "x")):
        row = filled[column[name]] = filled.get(column[name], -1) + 1
        place[name] = column[name], row
    return place
