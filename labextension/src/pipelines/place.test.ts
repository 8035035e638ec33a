import { describe, expect, it } from 'vitest';

import { clips, edge, other, step } from '../../test/pipelines';
import { draw, IBox } from './place';

function overlap(one: IBox, two: IBox): boolean {
  return (
    one.left < two.left + two.width &&
    two.left < one.left + one.width &&
    one.top < two.top + two.height &&
    two.top < one.top + one.height
  );
}

describe('the drawing of a pipeline', () => {
  const forked = draw(
    [
      other('input', 'text', 0),
      other('switch', 'n > 1', 1),
      step('a', 2, 0),
      step('b', 3, 0),
      step('c', 2, 1),
      other('output', 'y', 4)
    ],
    [
      edge('input', 'switch'),
      edge('switch', 'step:a', 'yes'),
      edge('step:a', 'step:b'),
      edge('switch', 'step:c', 'no'),
      edge('step:b', 'output'),
      edge('step:c', 'output')
    ]
  );

  it('runs downwards, with ways beside one another', () => {
    const place = (label: string): [number, number] => {
      const box = forked.boxes.find(({ node }) => node.label === label)!;
      return [box.left, box.top];
    };
    expect(place('a')[1]).toBe(place('c')[1]);
    expect(place('c')[0]).toBeGreaterThan(place('a')[0]);
    expect(place('b')[1]).toBeGreaterThan(place('a')[1]);
  });

  it.each([
    ['straight', draw(clips().nodes, clips().edges)],
    ['forked', forked]
  ])('puts nothing on or outside of anything else (%s)', (_, drawing) => {
    for (const box of drawing.boxes) {
      expect(box.left + box.width).toBeLessThanOrEqual(drawing.width);
      expect(box.top + box.height).toBeLessThanOrEqual(drawing.height);
      const others = drawing.boxes.filter(other => other !== box);
      expect(others.filter(other => overlap(box, other))).toEqual([]);
    }
  });

  it('fits a sidebar of 250 px with one way or two', () => {
    // what borders and margins of panel, section and card leave of it
    expect(draw(clips().nodes, clips().edges).width).toBeLessThanOrEqual(212);
    expect(forked.width).toBeLessThanOrEqual(212);
  });

  it('leads past a step that is left out', () => {
    const { arrows, boxes } = draw(clips().nodes, clips().edges);
    const past = arrows.find(({ label }) => label === 'no')!;
    const translate = boxes.find(({ node }) => node.label === 'translate')!;
    const down = /L([\d.]+),[\d.]+ C[^C]*$/.exec(past.way)!;
    expect(Number(down[1])).toBeGreaterThan(translate.left + translate.width);
  });

  it('leaves out an arrow that leads to nothing', () => {
    const drawing = draw([step('a', 0)], [edge('step:a', 'gone')]);
    expect(drawing.arrows).toEqual([]);
  });

  it('of nothing is empty', () => {
    expect(draw([], [])).toMatchObject({ height: 0, boxes: [], arrows: [] });
  });
});
