/** Ids of our commands; their arguments are in `plugins/commands.ts`. */

export namespace CommandIDs {
  /** Show the sidebar. */
  export const openPanel = 'mlops:open-panel';
  /** Open the audit explorer; arguments are an `IFilter`. */
  export const openAudit = 'mlops:open-audit';
  /** Open one record in the explorer; `{ key: string }`, its id or index. */
  export const openRecord = 'mlops:open-record';
  /** Open a notebook, at a cell if it has one of this id; `{ path, cell? }`. */
  export const openNotebook = 'mlops:open-notebook';
  /** Insert a cell that deploys what the notebook's kernel registered. */
  export const insertDeploy = 'mlops:insert-deploy';
  /** Ask how a notebook is to be run, or when; `{ path? }`, else the one that is shown. */
  export const runJob = 'mlops:run-job';
  export const scheduleJob = 'mlops:schedule-job';
  /** Change a schedule; `{ name }`. */
  export const editSchedule = 'mlops:edit-schedule';
  /** Show a run in the sidebar; `{ id }`. */
  export const openRun = 'mlops:open-run';
  /** Compare two runs in a tab; `{ first, second }`, their ids. */
  export const compareRuns = 'mlops:compare-runs';
  /** Start the hub; stop it after asking. */
  export const startHub = 'mlops:start-hub';
  export const stopHub = 'mlops:stop-hub';
  /** Read everything anew. */
  export const refresh = 'mlops:refresh';
}
