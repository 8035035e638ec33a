import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { IRunningSessionManagers, IRunningSessions } from '@jupyterlab/running';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { describe, expect, it, vi } from 'vitest';

import schema from '../../schema/panel.json';
import {
  endpoint,
  hubInfo,
  serve,
  serving,
  status,
  trans
} from '../../test/samples';
import { CommandIDs } from '../commands';
import plugins from '../index';
import { SECTIONS } from '../panel';
import { commands } from './commands';
import { launcher } from './launcher';
import { panel } from './panel';
import { running } from './running';
import { controls } from './controls';
import { statusbar } from './statusbar';
import { toolbar } from './toolbar';
import { versioncheck } from './versioncheck';

const turn = () => new Promise(resolve => setTimeout(resolve));

function start(answers: Parameters<typeof serve>[0] = {}): {
  app: JupyterFrontEnd;
  mlops: { store: ReturnType<typeof serve>['store']; trans: typeof trans };
  server: ReturnType<typeof serve>;
} {
  const server = serve({ status: status(), endpoints: [], ...answers });
  const app = {
    commands: new CommandRegistry(),
    serviceManager: { events: server.events }
  } as unknown as JupyterFrontEnd;
  return { app, mlops: { store: server.store, trans }, server };
}

/** Settings that say so of the parts. */
function registry(composite: Record<string, boolean>): {
  registry: ISettingRegistry;
  set: (next: Record<string, boolean>) => void;
} {
  const settings = { composite, changed: undefined as unknown };
  const changed = new Signal<typeof settings, void>(settings);
  settings.changed = changed;
  return {
    registry: {
      load: () => Promise.resolve(settings)
    } as unknown as ISettingRegistry,
    set: next => {
      settings.composite = next;
      changed.emit();
    }
  };
}

describe('the plugins', () => {
  it('have ids of their own and a description', () => {
    const ids = plugins.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, description } of plugins) {
      expect(id).toMatch(/^@mlops-jupyter\/labextension:[a-z]+$/);
      expect(description).toBeTruthy();
    }
  });

  it.each([
    commands,
    statusbar,
    running,
    launcher,
    toolbar,
    controls,
    versioncheck
  ] as JupyterFrontEndPlugin<void>[])(
    '$id works where nothing optional is there',
    async plugin => {
      const { app, mlops } = start();
      const none = (plugin.optional ?? []).map(() => null);
      await plugin.activate(app, mlops, ...none);
    }
  );
});

describe('the commands', () => {
  it('are in the palette under MLOps', async () => {
    const { app, mlops } = start();
    const added: string[] = [];
    const palette = {
      addItem: ({
        command,
        category
      }: ICommandPalette['addItem'] extends (item: infer Item) => unknown
        ? Item
        : never) => added.push(`${category} ${command}`)
    };
    await commands.activate(app, mlops, palette, null);
    expect(added).toContain(`MLOps ${CommandIDs.startHub}`);
    expect(added).toContain(`MLOps ${CommandIDs.stopHub}`);
    expect(added).toContain(`MLOps ${CommandIDs.refresh}`);
  });

  it('start the hub and read everything anew', async () => {
    const { app, mlops, server } = start({ startHub: status() });
    await commands.activate(app, mlops, null, null);
    mlops.store.endpoints.watch();
    await turn();
    server.asked.length = 0;
    await app.commands.execute(CommandIDs.startHub);
    await turn();
    expect(server.asked).toContainEqual(['startHub']);
    expect(server.asked).toContainEqual(['endpoints']);
  });

  it('are off for who has not the right', async () => {
    const { app, mlops } = start({ status: status({ rights: ['read'] }) });
    await commands.activate(app, mlops, null, null);
    await mlops.store.status.refresh();
    expect(app.commands.isEnabled(CommandIDs.startHub)).toBe(false);
    expect(app.commands.isEnabled(CommandIDs.stopHub)).toBe(false);
    expect(app.commands.isEnabled(CommandIDs.refresh)).toBe(true);
  });
});

describe('the launcher’s card', () => {
  it('comes and goes with the setting', async () => {
    const { app, mlops } = start();
    const cards = new Set<string>();
    const shelf: ILauncher = {
      add: ({ command }) => {
        cards.add(command);
        return new DisposableDelegate(() => cards.delete(command));
      }
    };
    const { registry: settings, set } = registry({ launcher: false });
    await launcher.activate(app, mlops, shelf, settings);
    await turn();
    expect(cards.size).toBe(0);
    set({ launcher: true });
    expect(cards.size).toBe(1);
    expect(app.commands.hasCommand([...cards][0])).toBe(true);
    set({ launcher: false });
    expect(cards.size).toBe(0);
  });
});

describe('the sidebar', () => {
  it('has the sections that the settings want, as soon as they do', async () => {
    const { app, mlops } = start({ versions: [], models: [], hub: hubInfo });
    const body = document.createElement('div');
    document.body.append(body);
    const sidebar: Widget[] = [];
    const shell = {
      add: (widget: Widget) => {
        sidebar.push(widget);
        Widget.attach(widget, body);
      }
    };
    const { registry: settings, set } = registry({
      auditSection: false,
      runsSection: false
    });
    await panel.activate(
      Object.assign(app, { shell }),
      mlops,
      null,
      null,
      settings
    );
    const headings = (): (string | null)[] =>
      [...body.querySelectorAll('h2')].map(one => one.textContent);
    await vi.waitFor(() =>
      expect(headings()).toEqual(['Endpoints', 'Models', 'Schedules', 'Hub'])
    );
    set({
      auditSection: false,
      modelsSection: false,
      runsSection: false,
      schedulesSection: false,
      hubSection: false
    });
    await vi.waitFor(() => expect(headings()).toEqual(['Endpoints']));
    sidebar[0].dispose();
    body.remove();
  });

  it('has every setting that the schema has, and no other', () => {
    const known = SECTIONS.map(id => `${id}Section`);
    const named = Object.keys(schema.properties).filter(name =>
      name.endsWith('Section')
    );
    expect(named).toEqual(known);
  });
});

describe('the Running panel', () => {
  it('lists the deployed endpoints with their state', async () => {
    const gone = endpoint(
      'gone',
      serving('churn', { 1: 100 }, { state: 'undeployed' })
    );
    gone.spec.deployed = false;
    const { app, mlops } = start({
      endpoints: [endpoint('churn', serving('churn', { 1: 100 })), gone]
    });
    const added: IRunningSessions.IManager[] = [];
    const managers = {
      add: (manager: IRunningSessions.IManager) => {
        added.push(manager);
        return new DisposableDelegate(() => undefined);
      }
    } as unknown as IRunningSessionManagers;
    await running.activate(app, mlops, managers, null);
    await turn();
    const items = added[0].running({ mode: 'list' });
    expect(items.map(item => item.detail?.())).toEqual(['ready']);
  });
});
