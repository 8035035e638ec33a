/** Items of a long list that are only made whole near the part that is seen. */

import React from 'react';

/** How far from the seen part an item is made whole. */
const MARGIN = '600px 0px';

type Listener = (entry: IntersectionObserverEntry) => void;

/** Tells items when they come near; one for a whole list. */
export class Nearness {
  observe(node: Element, listener: Listener): () => void {
    this._observer ??= new IntersectionObserver(
      entries => {
        for (const entry of entries) {
          this._listeners.get(entry.target)?.(entry);
        }
      },
      // a margin counts only where the root is what scrolls
      { root: node.closest('.mj-Panel'), rootMargin: MARGIN }
    );
    this._listeners.set(node, listener);
    this._observer.observe(node);
    return () => {
      this._listeners.delete(node);
      this._observer?.unobserve(node);
    };
  }

  dispose(): void {
    this._observer?.disconnect();
    this._observer = undefined;
  }

  private _observer: IntersectionObserver | undefined;
  private readonly _listeners = new Map<Element, Listener>();
}

/**
 * An item of a list. Far away it keeps its last height and shows only `brief`, unless `hold` says
 * that something in it must not be lost, or it has the focus.
 */
export function NearItem(props: {
  /** Of an endpoint: what it is looked for by. */
  name?: string;
  nearness: Nearness;
  initially: boolean;
  hold: boolean;
  brief: React.ReactNode;
  children: () => React.ReactNode;
}): JSX.Element {
  const { nearness } = props;
  const item = React.useRef<HTMLLIElement>(null);
  const [near, setNear] = React.useState(props.initially);
  const [height, setHeight] = React.useState<number>();
  React.useEffect(() => {
    const node = item.current;
    if (node === null) {
      return;
    }
    return nearness.observe(node, entry => {
      if (entry.isIntersecting) {
        setNear(true);
      } else if (!node.contains(document.activeElement)) {
        if (entry.boundingClientRect.height > 0) {
          setHeight(entry.boundingClientRect.height);
        }
        setNear(false);
      }
    });
  }, [nearness]);
  const whole = near || props.hold;
  return (
    <li
      ref={item}
      className="mj-Endpoints-item"
      data-endpoint={props.name}
      style={whole ? undefined : { height }}
    >
      {whole ? props.children() : props.brief}
    </li>
  );
}
