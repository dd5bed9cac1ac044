// Runs inside a network namespace of its own, whose sockets have small buffers; its children, the
// server and the client, share it. Started by small-buffers.ts.

import { serveParent } from '../parent-link.ts';
import type { RuntimeName } from '../report.ts';
import { stopPeers } from './stopped-peers.ts';

serveParent<{ readonly runtime: RuntimeName }>(({ runtime }) => stopPeers(runtime));
