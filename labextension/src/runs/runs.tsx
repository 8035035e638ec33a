import React from 'react';

import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { Nearness, NearItem } from '../endpoints/near';
import { lazily } from '../lazy';
import { Button, Empty, Loading, plain, Text, useValue } from '../react';
import { Store } from '../store';
import { Trouble } from '../trouble';
import { RunItem } from './runitem';
import { Item, RunList, runListOf } from './runlist';
import { nameOf, shortId } from './words';

const SweepItem = lazily(async () => ({
  default: (await import('./sweepitem')).SweepItem
}));

/** How a notebook runs another; a command, so the same in every language. */
const TRAIN = '%train fit.ipynb -p lr 0.1';
/** Items that are there before anything is known of what is seen. */
const FIRST = 12;

/** The list of the store; renders again with it, and keeps it fresh while mounted. */
export function useRunList(store: Store): RunList {
  const [, tick] = React.useReducer((count: number) => count + 1, 0);
  const list = runListOf(store);
  React.useEffect(() => {
    list.changed.connect(tick);
    const watching = list.watch();
    tick();
    return () => {
      list.changed.disconnect(tick);
      watching.dispose();
    };
  }, [list]);
  return list;
}

/** All runs, a sweep's below the sweep. */
export default function Runs(props: IViewContext): JSX.Element {
  const { store, trans, commands } = props;
  const list = useRunList(store);
  if (!list.loaded && list.error === undefined) {
    return <Loading trans={trans} what={trans.__('Reading the runs…')} />;
  }
  const items = list.items;
  return (
    <div className="mj-Runs">
      {list.error && (
        <Trouble
          error={list.error}
          stopped={trans.__(
            'The hub is stopped: runs that go on do so without it, and are seen again once it is started.'
          )}
          retry={() => void list.refresh()}
          trans={trans}
          commands={commands}
        />
      )}
      {list.loaded && !items.length && !list.error && <NoRuns {...props} />}
      <Chosen list={list} trans={trans} />
      {items.length > 0 && <Items {...props} list={list} items={items} />}
      {list.loaded && !list.complete && (
        <Button
          kind="link"
          label={trans.__('Show older runs')}
          disabled={list.loading && trans.__('They are being read…')}
          onClick={() => void list.older()}
        />
      )}
    </div>
  );
}

function Items(
  props: IViewContext & { list: RunList; items: Item[] }
): JSX.Element {
  const { list, items, trans } = props;
  const { value: status } = useValue(props.store.status);
  const [nearness] = React.useState(() => new Nearness());
  React.useEffect(() => () => nearness.dispose(), [nearness]);
  const place = React.useRef<HTMLUListElement>(null);
  React.useEffect(() => {
    const shown = list.takeShown();
    if (shown !== undefined) {
      place.current
        ?.querySelector(`[data-run="${CSS.escape(shown)}"]`)
        ?.scrollIntoView({ block: 'nearest' });
    }
  });
  return (
    <ul
      ref={place}
      className="mj-Runs-list"
      aria-label={trans.__('Runs, newest first')}
    >
      {items.map((item, at) => (
        <NearItem
          key={item.key}
          nearness={nearness}
          initially={at < FIRST}
          hold={list.isOpen(item.key)}
          brief={<Text most={60}>{briefOf(item)}</Text>}
        >
          {() =>
            'run' in item ? (
              <RunItem {...props} status={status} run={item.run} />
            ) : (
              <SweepItem {...props} status={status} sweep={item.sweep} />
            )
          }
        </NearItem>
      ))}
    </ul>
  );
}

function briefOf(item: Item): string {
  const spec = 'run' in item ? item.run.spec : item.sweep.spec.run;
  return nameOf(spec.notebook);
}

/** The run that waits for another to be compared with. */
function Chosen(
  props: Pick<IViewContext, 'trans'> & { list: RunList }
): JSX.Element | null {
  const { list, trans } = props;
  const run = list.chosen === undefined ? undefined : list.run(list.chosen);
  if (list.chosen === undefined) {
    return null;
  }
  return (
    <div className="mj-Runs-chosen" role="status">
      <p>
        {trans.__(
          'To be compared: %1 %2. Choose “Compare” at another run.',
          plain(run ? nameOf(run.spec.notebook) : '', 60),
          shortId(list.chosen)
        )}
      </p>
      <Button
        label={trans.__('Do not compare')}
        onClick={() => {
          list.chosen = undefined;
        }}
      />
    </div>
  );
}

function NoRuns({ trans, commands }: IViewContext): JSX.Element {
  return (
    <Empty>
      <p>{trans.__('No notebook has been run yet.')}</p>
      <p>
        {trans.__(
          'Choose “Run as Job…” in the menu of a notebook in the file browser, or in a cell:'
        )}{' '}
        <code>{TRAIN}</code>
      </p>
      {commands.hasCommand(CommandIDs.runJob) &&
        commands.isEnabled(CommandIDs.runJob) && (
          <Button
            label={trans.__('Run the Open Notebook…')}
            onClick={() => void commands.execute(CommandIDs.runJob)}
          />
        )}
    </Empty>
  );
}
