// The table of attacks, in its order: one file a row and direction, each with all its variants.
// Not here: what a row is (row.ts).

import type { Row } from './row.ts';
import { rows as row01 } from './rows/01-rapid-reset.ts';
import { rows as row01Client } from './rows/01-rapid-reset-client.ts';
import { rows as row02 } from './rows/02-made-you-reset.ts';
import { rows as row02Client } from './rows/02-made-you-reset-client.ts';
import { rows as row03 } from './rows/03-ping-flood.ts';
import { rows as row03Client } from './rows/03-ping-flood-client.ts';
import { rows as row04 } from './rows/04-settings-flood.ts';
import { rows as row04Client } from './rows/04-settings-flood-client.ts';
import { rows as row05 } from './rows/05-ping-strikes.ts';
import { rows as row05Client } from './rows/05-ping-strikes-client.ts';
import { rows as row06 } from './rows/06-tiny-data.ts';
import { rows as row06Client } from './rows/06-tiny-data-client.ts';
import { rows as row07 } from './rows/07-empty-data.ts';
import { rows as row07Client } from './rows/07-empty-data-client.ts';
import { rows as row08 } from './rows/08-continuation-flood.ts';
import { rows as row08Client } from './rows/08-continuation-flood-client.ts';
import { rows as row09 } from './rows/09-hpack-references.ts';
import { rows as row09Client } from './rows/09-hpack-references-client.ts';
import { rows as row10 } from './rows/10-header-list.ts';
import { rows as row10Client } from './rows/10-header-list-client.ts';
import { rows as row11 } from './rows/11-hpack-faults.ts';
import { rows as row11Client } from './rows/11-hpack-faults-client.ts';
import { rows as row12 } from './rows/12-slow-read.ts';
import { rows as row12Client } from './rows/12-slow-read-client.ts';
import { rows as row13 } from './rows/13-window-toggle.ts';
import { rows as row14 } from './rows/14-max-frame-size.ts';
import { rows as row15 } from './rows/15-priority.ts';
import { rows as row16 } from './rows/16-idle-connections.ts';
import { rows as row17 } from './rows/17-stream-limit.ts';
import { rows as row18 } from './rows/18-stream-ids.ts';
import { rows as row19 } from './rows/19-message-length.ts';
import { rows as row20 } from './rows/20-compressed-messages.ts';
import { rows as row21 } from './rows/21-paths.ts';
import { rows as row22 } from './rows/22-request-heads.ts';
import { rows as row23 } from './rows/23-h2spec.ts';
import { rows as row24 } from './rows/24-interop.ts';
import { rows as row25 } from './rows/25-negative-servers.ts';
import { rows as row26 } from './rows/26-fuzz.ts';
import { rows as row26Wire } from './rows/26-wire-fuzz.ts';
import { rows as row27 } from './rows/27-model.ts';
import { rows as row28 } from './rows/28-broken-at-each-frame.ts';
import { rows as row29 } from './rows/29-black-hole.ts';
import { rows as row30 } from './rows/30-drain-under-load.ts';
import { rows as row31 } from './rows/31-packet-loss.ts';
import { rows as row32 } from './rows/32-long-fat-path.ts';
import { rows as row33 } from './rows/33-peer-window-zero.ts';
import { rows as row34 } from './rows/34-both-stop-reading.ts';
import { rows as row35 } from './rows/35-unread-stream.ts';
import { rows as row36 } from './rows/36-bulk-and-small.ts';
import { rows as row37 } from './rows/37-soak.ts';
import { rows as row38 } from './rows/38-process-budget.ts';

const TABLE: readonly (readonly Row[])[] = [
  row01,
  row01Client,
  row02,
  row02Client,
  row03,
  row03Client,
  row04,
  row04Client,
  row05,
  row05Client,
  row06,
  row06Client,
  row07,
  row07Client,
  row08,
  row08Client,
  row09,
  row09Client,
  row10,
  row10Client,
  row11,
  row11Client,
  row12,
  row12Client,
  row13,
  row14,
  row15,
  row16,
  row17,
  row18,
  row19,
  row20,
  row21,
  row22,
  row23,
  row24,
  row25,
  row26,
  row26Wire,
  row27,
  row28,
  row29,
  row30,
  row31,
  row32,
  row33,
  row34,
  row35,
  row36,
  row37,
  row38,
];

export const ROWS: readonly Row[] = TABLE.flat();
