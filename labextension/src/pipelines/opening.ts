/** From a step of a pipeline to the card of its endpoint. */

const FLASH_MS = 1500;

/** Bring the card of `name` into view, and the focus to it; far ones are only names until then. */
export async function openCard(from: Element, name: string): Promise<void> {
  // a list that was filtered has them all by the next frame
  await new Promise(requestAnimationFrame);
  const items = from
    .closest('.mj-Endpoints')
    ?.querySelectorAll<HTMLElement>('[data-endpoint]');
  const item = [...(items ?? [])].find(one => one.dataset.endpoint === name);
  if (item === undefined) {
    return;
  }
  item.scrollIntoView({ block: 'center' });
  const card = await cardIn(item);
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: 'nearest' });
  // who came by pointer sees no ring of focus
  card.animate?.(
    [
      { outline: '2px solid var(--jp-brand-color1)' },
      { outline: '2px solid transparent' }
    ],
    FLASH_MS
  );
}

function cardIn(item: HTMLElement): Promise<HTMLElement> {
  return new Promise(found => {
    const look = (): void => {
      const card = item.querySelector('article');
      if (card !== null) {
        observer.disconnect();
        found(card);
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(item, { childList: true, subtree: true });
    look();
  });
}
