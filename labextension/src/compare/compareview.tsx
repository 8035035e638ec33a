import { Time } from '@jupyterlab/coreutils';
import React from 'react';

import { IViewContext } from '../context';
import { Button, ErrorNote, Loading, Trans, useValue } from '../react';
import { RunApi } from '../runs/api';
import { IRun, IVerdict } from '../runs/types';
import { Verdict } from '../runs/verdict';
import {
  formatSeconds,
  formatValue,
  nameOf,
  secondsOf,
  shortId,
  stateWord
} from '../runs/words';
import { asApiError, Value } from '../value';
import { align, IPair, sideBySide } from './align';
import { Difference } from './difference';
import { codeCells, ICodeCell } from './document';
import { FactTable } from './facttable';

// most pages never need it, as they never need this file
import '../../style/compare.css';

interface ISide {
  run: IRun;
  cells: ICodeCell[];
}

/** Two runs side by side: parameters, metrics, code and outputs. */
export function CompareView(
  props: Pick<IViewContext, 'store' | 'trans'> & {
    first: string;
    second: string;
  }
): JSX.Element {
  const { store, trans, first, second } = props;
  const both = React.useMemo(() => {
    const api = new RunApi(store.api);
    return new Value(() => Promise.all([read(api, first), read(api, second)]));
  }, [store, first, second]);
  const judged = React.useMemo(() => {
    const api = new RunApi(store.api);
    return new Value(() => api.compare(first, second));
  }, [store, first, second]);
  const { value, error } = useValue(both);
  if (error) {
    return (
      <ErrorNote
        error={error}
        trans={trans}
        retry={() => void both.refresh()}
      />
    );
  }
  if (value === undefined) {
    return <Loading trans={trans} what={trans.__('Reading both runs…')} />;
  }
  return (
    <Both left={value[0]} right={value[1]} judged={judged} trans={trans} />
  );
}

async function read(api: RunApi, id: string): Promise<ISide> {
  const [run, document] = await Promise.all([
    api.run(id),
    // a run that never came so far has none, and can be compared all the same
    api.output(id).catch(thrown => {
      if (asApiError(thrown).status !== 404) {
        throw thrown;
      }
    })
  ]);
  return { run, cells: codeCells(document) };
}

/** The hub's verdict: it compares numbers as numbers, and knows of data, environment and models. */
function Judged(props: { judged: Value<IVerdict>; trans: Trans }): JSX.Element {
  const { judged, trans } = props;
  const { value, error } = useValue(judged);
  return (
    <section>
      <h3>{trans.__('Verdict')}</h3>
      {error ? (
        <ErrorNote
          error={error}
          trans={trans}
          retry={() => void judged.refresh()}
        />
      ) : value === undefined ? (
        <Loading trans={trans} what={trans.__('Comparing the runs…')} />
      ) : (
        <Verdict verdict={value} marked trans={trans} />
      )}
    </section>
  );
}

function Both(props: {
  left: ISide;
  right: ISide;
  judged: Value<IVerdict>;
  trans: Trans;
}): JSX.Element {
  const { left, right, judged, trans } = props;
  const { value: verdict } = useValue(judged);
  const [all, setAll] = React.useState(false);
  const rows = React.useMemo(
    () => sideBySide(align(left.cells, right.cells, cell => cell.source)),
    [left, right]
  );
  const shown = all ? rows : rows.filter(differs);
  return (
    <div className="mj-Compare">
      <Judged judged={judged} trans={trans} />
      <FactTable
        title={trans.__('Runs')}
        left={factsOf(left.run, trans)}
        right={factsOf(right.run, trans)}
        trans={trans}
      />
      <FactTable
        title={trans.__('Parameters')}
        left={texts(left.run.spec.parameters)}
        right={texts(right.run.spec.parameters)}
        trans={trans}
      />
      <FactTable
        title={trans.__('Metrics')}
        left={texts(left.run.metrics)}
        right={texts(right.run.metrics)}
        trans={trans}
      />
      <section>
        <h3>{trans.__('Cells')}</h3>
        <p role="status">
          {trans.__(
            '%1 of %2 cells differ.',
            rows.filter(differs).length,
            rows.length
          )}{' '}
          <Button
            label={
              all
                ? trans.__('Show only what differs')
                : trans.__('Show all cells')
            }
            pressed={all}
            onClick={() => setAll(!all)}
          />
        </p>
        {shown.map(row => (
          <Cell
            key={rows.indexOf(row)}
            number={row.left?.index ?? row.right?.index ?? 0}
            row={row}
            near={isNear(row, verdict)}
            trans={trans}
          />
        ))}
      </section>
    </div>
  );
}

function Cell(props: {
  /** Its place in the notebook, as the verdict and the reasons of runs count. */
  number: number;
  row: IPair<ICodeCell>;
  /** Whether its outputs differ by nothing but numbers, and those within the tolerance. */
  near: boolean;
  trans: Trans;
}): JSX.Element {
  const { number, row, near, trans } = props;
  const { left, right } = row;
  return (
    <section className="mj-Compare-cell">
      <h4>
        {trans.__('Cell %1', number)}{' '}
        <span className="mj-Compare-word">
          {left === undefined
            ? trans.__('only in the second')
            : right === undefined
              ? trans.__('only in the first')
              : wordOf(left, right, near, trans)}
        </span>
      </h4>
      <Difference
        label={trans.__('Code of cell %1', number)}
        left={left?.source}
        right={right?.source}
        trans={trans}
      />
      {(left?.outputs || right?.outputs) && (
        <Difference
          label={trans.__('Output of cell %1', number)}
          left={left?.outputs}
          right={right?.outputs}
          trans={trans}
        />
      )}
    </section>
  );
}

function wordOf(
  left: ICodeCell,
  right: ICodeCell,
  near: boolean,
  trans: Trans
): string {
  const code = left.source !== right.source;
  const outputs = left.outputs !== right.outputs;
  return code
    ? trans.__('code differs')
    : outputs
      ? near
        ? trans.__('output within tolerance')
        : trans.__('output differs')
      : trans.__('the same');
}

/** The hub names cells by their place in the notebook: `cell 7 'Fit'`. */
function isNear(
  { left, right }: IPair<ICodeCell>,
  verdict: IVerdict | undefined
): boolean {
  return (
    left !== undefined &&
    left.index === right?.index &&
    (verdict?.close ?? []).some(
      ({ what }) => /^cell (\d+)\b/.exec(what)?.[1] === String(left.index)
    )
  );
}

function differs({ left, right }: IPair<ICodeCell>): boolean {
  return left?.source !== right?.source || left?.outputs !== right?.outputs;
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, formatValue(value)])
  );
}

function factsOf(run: IRun, trans: Trans): Record<string, string> {
  const took = secondsOf(run, Date.now());
  return {
    [trans.__('Run')]: shortId(run.id),
    [trans.__('Notebook')]: nameOf(run.spec.notebook),
    [trans.__('State')]: stateWord(run.state, trans),
    [trans.__('Asked for')]: Time.format(new Date(run.submitted_at * 1000)),
    [trans.__('By')]: run.submitted_by,
    ...(took !== undefined && {
      [trans.__('Took')]: formatSeconds(took, trans)
    }),
    [trans.__('Notebook digest')]: run.spec.notebook_sha256.slice(0, 12)
  };
}
