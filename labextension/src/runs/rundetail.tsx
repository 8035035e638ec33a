import React from 'react';

import { IStatus } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { refusal } from '../endpoints/rights';
import { servedPath, unreachable } from '../models/place';
import {
  Button,
  confirm,
  ErrorNote,
  Loading,
  plain,
  Text,
  Trans
} from '../react';
import { useAct } from './act';
import { CellList } from './celllist';
import { Files } from './files';
import { printed } from './printed';
import { Record } from './record';
import { RunList } from './runlist';
import { RunLog } from './runlog';
import { IRun } from './types';
import { Verdict } from './verdict';
import { verdictOf } from './verdictmark';
import { isEnd, nameOf } from './words';

// most pages never need it, as they never need this file
import '../../style/rundetail.css';

/** IPython's line above a traceback, which would fill three lines here. */
const RULE = /^-{20,}\n/;

interface IDetail extends IViewContext {
  run: IRun;
  list: RunList;
  status: IStatus | undefined;
}

/** What can be done with a run, its cells, what it printed, and its record. */
export default function RunDetail(props: IDetail): JSX.Element {
  const { run, list, trans } = props;
  const [log, setLog] = React.useState(false);
  // a list has the verdict of a record at most
  const known =
    run.cells.length > 0 ||
    Object.keys(run.record).some(name => name !== 'verdict');
  const verdict = verdictOf(run.record);
  return (
    <div className="mj-Run-detail">
      <Actions {...props} log={log} onLog={() => setLog(!log)} />
      {run.error && (
        <pre className="mj-Run-error" role="note">
          {printed(
            run.error.traceback || `${run.error.name}: ${run.error.value}`
          ).replace(RULE, '')}
        </pre>
      )}
      {verdict !== null && <Verdict verdict={verdict} trans={trans} />}
      {log && <RunLog key={run.id} run={run} api={list.api} trans={trans} />}
      {!known && list.loading && (
        <Loading trans={trans} what={trans.__('Reading the run…')} />
      )}
      <Warnings said={run.record.warnings} trans={trans} />
      <CellList cells={run.cells} trans={trans} />
      <Files run={run} api={list.api} trans={trans} />
      <Record run={run} trans={trans} commands={props.commands} />
    </div>
  );
}

/** What somebody should mend although the run went on, such as a secret that others can read. */
function Warnings(props: { said: unknown; trans: Trans }): JSX.Element | null {
  const said = Array.isArray(props.said) ? props.said.map(String) : [];
  return said.length ? (
    <ul className="mj-Run-warnings" aria-label={props.trans.__('Warnings')}>
      {said.map(one => (
        <li key={one}>
          <Text most={500}>{one}</Text>
        </li>
      ))}
    </ul>
  ) : null;
}

function Actions(
  props: IDetail & { log: boolean; onLog: () => void }
): JSX.Element {
  const { run, list, trans, commands, status, log, onLog } = props;
  const act = useAct();
  const off =
    refusal(status, 'run', trans) ||
    (act.busy && trans.__('It is being done…'));
  const name = plain(nameOf(run.spec.notebook), 60);
  const cancel = async (): Promise<void> => {
    const sure = await confirm(
      trans,
      trans.__('Cancel the run of %1?', name),
      trans.__(
        'Its kernel is interrupted, and ended if it does not listen. What it has computed so far stays in its output.'
      ),
      trans.__('Cancel the Run')
    );
    if (sure) {
      await act.run(async () => list.put(await list.api.cancel(run.id)));
    }
  };
  const again = (): void => {
    void act.run(async () => {
      const made = await list.api.rerun(run.id);
      list.put(made);
      await list.show(made.id);
    });
  };
  const { notebook } = run.spec;
  const elsewhere = unreachable(notebook, trans);
  const { kind, of } = run.spec.trigger;
  const original = kind === 'rerun' ? of : null;
  return (
    <>
      <div
        className="mj-Run-actions"
        role="group"
        aria-label={trans.__('Actions for the run of %1', name)}
      >
        <Button label={trans.__('Log')} pressed={log} onClick={onLog} />
        {isEnd(run.state) ? (
          <Button
            label={trans.__('Run again as it was recorded, and compare')}
            disabled={
              off ||
              (run.state === 'skipped' &&
                trans.__(
                  'It was never started, so there is nothing to repeat.'
                ))
            }
            onClick={again}
          >
            {trans.__('Run again')}
          </Button>
        ) : (
          <Button
            label={trans.__('Cancel…')}
            kind="warn"
            disabled={off}
            onClick={() => void cancel()}
          />
        )}
        <Button
          label={trans.__('Output')}
          disabled={
            !isEnd(run.state)
              ? trans.__('It can be opened when the run has ended.')
              : run.cells_total === 0 && trans.__('It has executed no cell.')
          }
          onClick={() => void openOutput(props)}
        />
        <Button
          label={trans.__('Notebook')}
          disabled={elsewhere}
          onClick={() =>
            void commands.execute(CommandIDs.openNotebook, { path: notebook })
          }
        />
        <Button
          label={trans.__('Compare')}
          pressed={list.chosen === run.id}
          onClick={() => choose(props)}
        />
        {original !== null && (
          <Button
            label={trans.__('Compare with the original')}
            onClick={() =>
              void commands.execute(CommandIDs.compareRuns, {
                first: original,
                second: run.id
              })
            }
          />
        )}
      </div>
      {act.error && (
        <ErrorNote error={act.error} trans={trans} close={act.clear} />
      )}
    </>
  );
}

/** The copy that was asked for as a notebook, if it can be reached from here; else the page of it. */
async function openOutput(props: IDetail): Promise<void> {
  const { run, list, commands } = props;
  const { output } = run.spec;
  if (output !== null && servedPath(output) !== null) {
    await commands.execute(CommandIDs.openNotebook, { path: output });
  } else {
    // what it shows was made by the notebook: the server says that it may act as no page of ours
    window.open(list.api.htmlUrl(run.id), '_blank', 'noopener');
  }
}

/** The first is kept until there is a second. */
function choose({ run, list, commands }: IDetail): void {
  const first = list.chosen;
  if (first === undefined) {
    list.chosen = run.id;
    return;
  }
  list.chosen = undefined;
  if (first !== run.id) {
    void commands.execute(CommandIDs.compareRuns, { first, second: run.id });
  }
}
