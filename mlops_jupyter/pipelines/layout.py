"""Where the nodes of a graph stand in its drawing, and the arrows between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_jupyter.pipelines.graph import Ensemble, Graph, Node, Parallel, Step, Switch
from mlops_jupyter.types.pipeline import PipelineEdge, PipelineNode, StepStats

_Exits = list[tuple[str, str]]
"""Nodes that lead on, each with the label of its arrow."""


def laid_out(
    graph: Graph,
    takes: Sequence[str],
    gives: Sequence[str],
    stats: Mapping[str, StepStats] | None = None,
) -> tuple[tuple[PipelineNode, ...], tuple[PipelineEdge, ...]]:
    """Nodes and edges; sequences run to the right, branches stand one below the other."""
    layout = _Layout(stats or {})
    layout.add(PipelineNode("input", "input", ", ".join(takes), 0, 0))
    exits, columns, _ = layout.sequence(graph.nodes, [("input", "")], 1, 0)
    layout.add(PipelineNode("output", "output", ", ".join(gives), 1 + columns, 0))
    layout.join(exits, "output")
    return tuple(layout.nodes), tuple(layout.edges)


class _Layout:
    def __init__(self, stats: Mapping[str, StepStats]) -> None:
        self.nodes: list[PipelineNode] = []
        self.edges: list[PipelineEdge] = []
        self._stats = stats

    def add(self, node: PipelineNode) -> None:
        self.nodes.append(node)

    def join(self, exits: _Exits, target: str) -> None:
        for source, label in exits:
            self.edges.append(PipelineEdge(source, target, label))

    def sequence(
        self, nodes: Sequence[Node], exits: _Exits, column: int, row: int
    ) -> tuple[_Exits, int, int]:
        """Lay nodes out from a place; gives what leads on, and the columns and rows taken."""
        width, height = 0, 1
        for node in nodes:
            exits, wide, high = self._node(node, exits, column + width, row)
            width, height = width + wide, max(height, high)
        return exits, width, height

    def _node(self, node: Node, exits: _Exits, column: int, row: int) -> tuple[_Exits, int, int]:
        if isinstance(node, Step):
            return self._step(node, exits, column, row)
        if isinstance(node, Switch):
            return self._switch(node, exits, column, row)
        if isinstance(node, Parallel):
            return self._branches(node.branches, exits, column, row)
        return self._ensemble(node, exits, column, row)

    def _step(self, step: Step, exits: _Exits, column: int, row: int) -> tuple[_Exits, int, int]:
        key = f"step:{step.name}"
        stats = self._stats.get(step.name)
        self.add(PipelineNode(key, "step", step.name, column, row, step.endpoint, step.ref, stats))
        self.join(exits, key)
        return [(key, "")], 1, 1

    def _switch(
        self, node: Switch, exits: _Exits, column: int, row: int
    ) -> tuple[_Exits, int, int]:
        key = f"switch:{len(self.nodes)}"
        self.add(PipelineNode(key, "switch", node.on, column, row))
        self.join(exits, key)
        then, wide, high = self.sequence(node.then, [(key, "yes")], column + 1, row)
        if not node.otherwise:
            return [*then, (key, "no")], 1 + wide, high + 1
        other, wider, higher = self.sequence(node.otherwise, [(key, "no")], column + 1, row + high)
        return [*then, *other], 1 + max(wide, wider), high + higher

    def _branches(
        self, branches: Sequence[Sequence[Node]], exits: _Exits, column: int, row: int
    ) -> tuple[_Exits, int, int]:
        found: _Exits = []
        width = height = 0
        for branch in branches:
            out, wide, high = self.sequence(branch, exits, column, row + height)
            found += out
            width, height = max(width, wide), height + high
        return found, width, height

    def _ensemble(
        self, node: Ensemble, exits: _Exits, column: int, row: int
    ) -> tuple[_Exits, int, int]:
        members = [(member,) for member in node.members]
        found, width, height = self._branches(members, exits, column, row)
        key = f"ensemble:{node.gives}"
        self.add(PipelineNode(key, "ensemble", f"{node.by} → {node.gives}", column + width, row))
        self.join(found, key)
        return [(key, "")], width + 1, height
