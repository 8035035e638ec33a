/**
 * Where the boxes and arrows of a pipeline stand. It runs downwards, ways beside one another, since
 * a sidebar is narrow and long.
 */

import { IPipelineEdge, IPipelineNode } from './types';

/** Between two lanes, where arrows pass boxes by. */
const GAP = 20;
/** Between two levels, for arrows and their labels. */
const DOWN = 26;
const END_HEIGHT = 36;
/** What is alone has room for its figures side by side. */
const ALONE = { width: 180, height: 66 };
const BESIDE = { width: 86, height: 94 };

export interface IBox {
  node: IPipelineNode;
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface IArrow {
  id: string;
  way: string;
  tip: string;
  label: string;
  labelAt: { x: number; y: number; anchor: 'start' | 'end' };
}

export interface IDrawing {
  width: number;
  height: number;
  boxes: IBox[];
  arrows: IArrow[];
}

/** All in pixels. */
export function draw(nodes: IPipelineNode[], edges: IPipelineEdge[]): IDrawing {
  const lanes = Math.max(0, ...nodes.map(node => node.row)) + 1;
  const size = lanes === 1 ? ALONE : BESIDE;
  const heightOf = (node: IPipelineNode): number =>
    node.kind === 'step' ? size.height : END_HEIGHT;
  const levels = levelsOf(nodes, heightOf);
  const boxes = nodes.map(node => ({
    node,
    left: node.row * (size.width + GAP),
    top: levels[node.column].top,
    width: size.width,
    height: heightOf(node)
  }));
  const byId = new Map(boxes.map(box => [box.node.id, box]));
  const arrows = edges.flatMap((edge, at) => {
    const [source, target] = [byId.get(edge.source), byId.get(edge.target)];
    if (!source || !target) {
      return [];
    }
    return [arrow(`${at}`, source, target, edge, levels)];
  });
  return {
    width: lanes * (size.width + GAP),
    height: levels[levels.length - 1]?.bottom ?? 0,
    boxes,
    arrows
  };
}

interface ILevel {
  top: number;
  bottom: number;
}

function levelsOf(
  nodes: IPipelineNode[],
  heightOf: (node: IPipelineNode) => number
): ILevel[] {
  const heights: number[] = [];
  for (const node of nodes) {
    heights[node.column] = Math.max(heights[node.column] ?? 0, heightOf(node));
  }
  let top = 0;
  return Array.from(heights, (height = 0) => {
    const level = { top, bottom: top + height };
    top = level.bottom + DOWN;
    return level;
  });
}

function arrow(
  id: string,
  source: IBox,
  target: IBox,
  edge: IPipelineEdge,
  levels: ILevel[]
): IArrow {
  const x = source.left + source.width / 2;
  const y = levels[source.node.column].bottom;
  const endX = target.left + target.width / 2;
  const endY = target.top - 5;
  const straight = target.node.column - source.node.column <= 1;
  const start = `M${x},${source.top + source.height} L${x},${y}`;
  const bend = DOWN / 2;
  let way = `C${x},${y + bend} ${endX},${endY - bend} ${endX},${endY}`;
  if (!straight) {
    // past what stands between, in the gap beside the lane further left
    const first = source.left < target.left ? source : target;
    const pass = first.left + first.width + GAP / 2;
    way =
      `C${x},${y + bend} ${pass},${y + bend / 2} ${pass},${y + DOWN} ` +
      `L${pass},${endY - DOWN} ` +
      `C${pass},${endY - bend / 2} ${endX},${endY - bend} ${endX},${endY}`;
  }
  const down = straight && x === endX;
  return {
    id,
    way: `${start} ${way}`,
    tip: `M${endX - 4},${endY - 1} L${endX},${target.top} L${endX + 4},${endY - 1} z`,
    label: edge.label,
    labelAt: {
      // under the arrow that turns off, or left of the one that goes straight down
      x: down ? x - 4 : x + 14,
      y: y + (down ? 12 : 20),
      anchor: down ? 'end' : 'start'
    }
  };
}
