// What `sluice top` draws, as lines: pure, from looks that are made up here.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { actionsOf } from '../../dist/top/keys.js';
import type { Look, LookedConnection, LookedEnd } from '../../dist/top/look.js';
import { parseTopOptions } from '../../dist/top/options.js';
import { ratesBetween } from '../../dist/top/rates.js';
import { Screen } from '../../dist/top/screen.js';
import { afterAction, jsonText } from '../../dist/top/top.js';
import { screenLines, type TopState } from '../../dist/top/view.js';

function connection(id: number, more: Partial<LookedConnection> = {}): LookedConnection {
  return {
    id,
    peer: `10.0.0.${id}:443`,
    local: '10.0.0.99:5000',
    state: 'ready',
    sinceMs: 5_000,
    queueItems: 0,
    queueBytes: 0,
    oldestItemMs: 0,
    socketBytes: 0,
    responseFrames: 0,
    gate: 'open',
    gateSinceMs: 5_000,
    loopy: 'parked',
    loopySinceMs: 5_000,
    sendQuota: 65_535,
    outgoingInitialWindow: 65_535,
    receiveWindow: 65_535,
    unreadBytes: 0,
    exposureBytes: 0,
    withheldBytes: 0,
    partialBytes: 0,
    bdpBytes: 0,
    rttMs: 0.4,
    streams: { open: 1, active: 0, empty: 1, waitingOnStreamQuota: 0, peerLimit: 100 },
    ...more,
  };
}

function channel(
  connections: readonly LookedConnection[],
  more: Partial<LookedEnd> = {},
): LookedEnd {
  return {
    id: 1,
    name: 'shop:443',
    state: 'READY',
    explanation: '',
    callsStarted: 10,
    callsSucceeded: 9,
    callsFailed: 1,
    waitingCalls: 0,
    oldestWaitMs: 0,
    limits: [],
    connections,
    connectionsInAll: connections.length,
    backends: [],
    ...more,
  };
}

function look(channels: readonly LookedEnd[], more: Partial<Look> = {}): Look {
  return { atMs: 1_000, waits: [], waitsInAll: 0, channels, servers: [], ...more };
}

function state(shown: Look | undefined, more: Partial<TopState> = {}): TopState {
  return {
    address: '127.0.0.1:1',
    look: shown,
    kind: 'stats',
    rates: new Map(),
    lost: undefined,
    chosen: '',
    sort: -1,
    paused: false,
    help: false,
    ...more,
  };
}

function text(shown: TopState, columns = 140, rows = 40): string {
  return screenLines(shown, columns, rows, false).join('\n');
}

describe('the screen', () => {
  it('has as many lines as there are rows, none longer than the terminal', () => {
    const many = Array.from({ length: 60 }, (_, index) => connection(index + 1));
    const shown = state(look([channel(many)]), { chosen: 'channel 1/55' });
    for (const columns of [20, 60, 80, 140]) {
      const lines = screenLines(shown, columns, 24, false);
      assert.equal(lines.length, 24);
      assert.ok(lines.every((line) => line.length <= columns));
    }
  });

  it('keeps the connection that is chosen in sight', () => {
    const many = Array.from({ length: 60 }, (_, index) => connection(index + 1));
    assert.match(
      text(state(look([channel(many)]), { chosen: 'channel 1/55' }), 140, 24),
      /> 10\.0\.0\.55:443/,
    );
  });

  it('says on top what waits, the gravest first', () => {
    const waits = [
      {
        severity: 2,
        place: 'channel shop:443',
        text: '3 calls wait',
        detail: '/t/A waited',
        forMs: 2_000,
      },
      { severity: 0, place: 'channel shop:443', text: 'at its limits', detail: '', forMs: 0 },
    ];
    const lines = screenLines(state(look([], { waits, waitsInAll: 2 })), 100, 20, false);
    assert.equal(lines[1], 'STALLED  3 calls wait, for 2.0 s   channel shop:443');
    assert.equal(lines[2], '         /t/A waited');
    assert.equal(lines[3], 'note     at its limits   channel shop:443');
  });

  it('leaves the least telling columns out where the terminal is narrow', () => {
    const shown = state(look([channel([connection(1)])]));
    assert.match(text(shown, 140), /RECV WIN/);
    const narrow = text(shown, 70);
    assert.doesNotMatch(narrow, /RTT|RECV WIN/);
    assert.match(narrow, /PEER .*BYTES .*OLDEST .*STREAMS/);
  });

  it('shows limits from half of their value on, and those that acted', () => {
    const limit = (name: string, depth: number, acted: number) => ({
      name,
      value: 100,
      unit: 'calls',
      depth,
      acted,
    });
    const limits = [limit('half', 50, 0), limit('rest', 49, 0), limit('acted', 0, 3)];
    const drawn = text(state(look([channel([], { limits })])));
    assert.match(drawn, /limits {3}half 50 of 100 {3}acted 0 of 100, acted 3x/);
    assert.doesNotMatch(drawn, /rest 49/);
  });

  it('shows backends that are not ready, and why', () => {
    const backend = {
      address: '10.0.0.7:443',
      state: 'TRANSIENT_FAILURE',
      lastFailure: 'connect ECONNREFUSED',
      connections: [],
      maxConnections: 1,
    };
    const drawn = text(state(look([channel([], { backends: [backend] })])));
    assert.match(drawn, /backend 10\.0\.0\.7:443 TRANSIENT_FAILURE {2}connect ECONNREFUSED/);
  });

  it('shows all figures of the connection that is chosen, and the sentence about it', () => {
    const explanation = '1 call open to 10.0.0.2:443: /t/A waited 40 ms';
    const shown = look([channel([connection(1), connection(2)], { explanation })]);
    const drawn = text(state(shown, { chosen: 'channel 1/2' }));
    assert.match(drawn, /10\.0\.0\.99:5000 -> 10\.0\.0\.2:443/);
    assert.match(drawn, /credit granted 0 B/);
    assert.match(drawn, /1 call open to 10\.0\.0\.2:443: \/t\/A waited 40 ms/);
  });

  it('passes nothing on that a terminal would act on', () => {
    const shown = look([
      channel([connection(1, { peer: 'a\u001b[2Jb' })], { name: 'x\u0007\u009by' }),
    ]);
    const drawn = screenLines(state(shown), 120, 20, false).join('\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(drawn, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('uses colours only where it may', () => {
    const shown = state(look([channel([connection(1)])]));
    const green = '\u001b[32mnothing waits\u001b[0m';
    assert.ok(screenLines(shown, 100, 20, true).includes(green));
    assert.ok(!screenLines(shown, 100, 20, false).join('').includes('\u001b'));
  });

  it('says that the process does not answer, over the figures that came last', () => {
    const drawn = text(state(look([channel([connection(1)])]), { lost: 'cannot be asked' }));
    assert.match(drawn, /^LOST {5}cannot be asked$/m);
    assert.match(drawn, /CHANNEL shop:443/);
  });
});

describe('keys', () => {
  it('are letters, cursor keys of both modes, and nothing else', () => {
    assert.deepEqual(actionsOf('jk\u001b[A\u001bOBs p?'), [
      'down',
      'up',
      'up',
      'down',
      'sort',
      'pause',
      'pause',
      'help',
    ]);
    assert.deepEqual(actionsOf('\u0003q'), ['quit', 'quit']);
    assert.deepEqual(actionsOf('x\u001b[5~\u001b[1;5C'), []);
  });

  it('choose among all connections, from the first to the last', () => {
    const shown = look([channel([connection(1), connection(2)])]);
    let now = afterAction(state(shown), 'down');
    assert.equal(now.chosen, 'channel 1/1');
    now = afterAction(afterAction(now, 'down'), 'down');
    assert.equal(now.chosen, 'channel 1/2');
    assert.equal(afterAction(now, 'up').chosen, 'channel 1/1');
    assert.equal(afterAction(state(undefined), 'up').chosen, '');
  });

  it('sort by each column in turn, figures from the highest', () => {
    const shown = look([channel([connection(1), connection(2, { queueBytes: 9 })])]);
    const drawn = text(state(shown, { sort: 4 }));
    assert.ok(drawn.indexOf('10.0.0.2:443') < drawn.indexOf('10.0.0.1:443'));
    assert.match(drawn, /sort: bytes/);
    let now = state(shown);
    for (let step = 0; step < 13; step++) now = afterAction(now, 'sort');
    assert.equal(now.sort, 12);
    assert.equal(afterAction(now, 'sort').sort, -1);
  });
});

describe('rates', () => {
  it('are of what is in both looks, and never negative', () => {
    const before = look([channel([], { callsStarted: 10, callsFailed: 5 })]);
    const now = look([channel([], { callsStarted: 30, callsFailed: 1 })], { atMs: 3_000 });
    assert.deepEqual(ratesBetween(before, now).get('channel 1'), { started: 10, failed: 0 });
    assert.equal(ratesBetween(undefined, now).size, 0);
    assert.equal(ratesBetween(look([]), now).size, 0);
  });
});

describe('the terminal', () => {
  it('is given back as it was, and gets only lines that changed', () => {
    const written: string[] = [];
    const modes: boolean[] = [];
    const out = { write: (part: string) => written.push(part), columns: 20, rows: 5 };
    const input = {
      isTTY: true,
      setRawMode: (isRaw: boolean) => modes.push(isRaw),
      resume: () => {},
      pause: () => {},
      on: () => {},
      off: () => {},
    };
    const screen = new Screen(out, input, () => {});
    screen.open();
    screen.draw(['a', 'b']);
    written.length = 0;
    screen.draw(['a', 'c']);
    assert.deepEqual(written, ['\u001b[2;1Hc\u001b[K']);
    screen.close();
    screen.close();
    assert.equal(written.at(-1), '\u001b[?25h\u001b[?1049l');
    assert.deepEqual(modes, [true, false]);
  });
});

describe('options', () => {
  it('look once where nobody watches, and again and again where an interval is given', () => {
    const once = (args: readonly string[], isTerminal: boolean): boolean | undefined => {
      const parsed = parseTopOptions(args, isTerminal);
      return parsed.kind === 'run' ? parsed.options.once : undefined;
    };
    assert.equal(once(['a:1'], true), false);
    assert.equal(once(['a:1'], false), true);
    assert.equal(once(['a:1', '--json'], true), true);
    assert.equal(once(['a:1', '--interval', '2'], false), false);
    assert.equal(once(['a:1', '--interval', '2', '--once'], true), true);
  });

  it('are refused by name', () => {
    const why = (...args: string[]): string => {
      const parsed = parseTopOptions(args, true);
      return parsed.kind === 'fault' ? parsed.why : '';
    };
    assert.equal(
      why('a:1', '--interval', '0'),
      "--interval takes seconds from 0.1 to 60, not '0'; see 'sluice top --help'",
    );
    assert.equal(
      why('a:1', 'b:2'),
      "top takes one ADDRESS, not 'b:2' too; see 'sluice top --help'",
    );
    assert.match(why('a:1', '--bogus'), /^Unknown option '--bogus'/);
    assert.match(why('a:1', '--ca'), /--ca/);
  });
});

describe('JSON', () => {
  it('has null for a limit without a value, and no names of messages', () => {
    const limits = [
      { name: 'x', value: Number.POSITIVE_INFINITY, unit: 'calls', depth: 1, acted: 0 },
    ];
    const named = { ...look([channel([], { limits })]), $typeName: 'sluice.stats.v1.Snapshot' };
    const written = JSON.parse(jsonText(named));
    assert.equal(written.channels[0].limits[0].value, null);
    assert.equal(written.$typeName, undefined);
  });
});
