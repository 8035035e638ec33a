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
  /** Start the hub; stop it after asking. */
  export const startHub = 'mlops:start-hub';
  export const stopHub = 'mlops:stop-hub';
  /** Read everything anew. */
  export const refresh = 'mlops:refresh';
}
