// h2spec, strict, against a server in a process of its own, Sluice unless another is asked for, in
// plain text and over TLS: one line of the report for each of its cases. h2spec is built with Go where Go and the module are to
// be had; else its cases are skipped by name.
// h2spec follows RFC 7540; where this server is right not to, h2spec-exceptions.ts says why.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Certificate, makeCertificate, pathsOf } from './certificate.ts';
import { run } from './child.ts';
import { H2SPEC_EXCEPTIONS, type H2specException } from './h2spec-exceptions.ts';
import { type H2specCase, parseH2specReport } from './h2spec-junit.ts';
import { LineProcess } from './line-process.ts';
import type { InteropReport, InteropResult } from './report.ts';

/** The newest tag that the module proxy serves; its strict run covers RFC 7540 and RFC 7541. */
const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const BIN: string = fileURLToPath(new URL('../.build/bin', import.meta.url));

/** The cases of the strict run at that commit; fewer mean that the run ended early. */
const CASES = 146;

/** The servers it may run against, with the arguments of their processes. */
const SERVERS: Record<
  H2specServer,
  (tls: Certificate | undefined) => readonly [string, ...string[]]
> = {
  sluice: (tls) => ['server-process', ...pathsOf(tls)],
  'grpc-js': (tls) => [
    'peers/grpc-js-process',
    ...['server', '--port', '0'],
    ...(tls === undefined ? [] : ['--cert', tls.certificate, '--key', tls.key]),
  ],
};

export type H2specServer = 'sluice' | 'grpc-js';

/** Milliseconds for a build with a cold cache, and for a run in which every case times out. */
const BUILD_MS = 180_000;
const RUN_MS = 400_000;

type Binary = { readonly path: string } | { readonly why: string };

function findH2spec(): Binary {
  const path = join(BIN, 'h2spec');
  if (existsSync(path)) return { path };
  mkdirSync(BIN, { recursive: true });
  const build = spawnSync('go', ['install', MODULE], {
    env: { ...process.env, GOBIN: BIN },
    encoding: 'utf8',
    timeout: BUILD_MS,
  });
  if (build.error !== undefined) return { why: `no go toolchain (${build.error.message})` };
  if (build.status === 0 && existsSync(path)) return { path };
  return { why: `go install failed: ${build.stderr.trim().replaceAll(/\s+/g, ' ')}` };
}

function result(
  id: string,
  tls: boolean,
  outcome: InteropResult['result'],
  why: string | null,
): InteropResult {
  const name = id === '' ? 'h2spec' : `h2spec/${id}`;
  return { case: name, client: 'h2spec', server: 'sluice', tls, result: outcome, why };
}

function judgeCase(
  one: H2specCase,
  tls: boolean,
  exception: H2specException | undefined,
): InteropResult {
  switch (one.outcome) {
    case 'pass':
      if (exception === undefined) return result(one.id, tls, 'pass', null);
      return result(one.id, tls, 'fail', 'stale exception: it passes; take it off the list');
    case 'skipped':
      return result(one.id, tls, 'skipped', `skipped by h2spec: ${one.description}`);
    default:
      if (exception !== undefined) {
        return result(one.id, tls, 'skipped', `exception: ${exception.why}`);
      }
      return result(
        one.id,
        tls,
        'fail',
        `${one.description}: ${one.details.replaceAll(/\s+/g, ' ')}`,
      );
  }
}

/** The report of one run: its cases, the exceptions it did not have, and whether it was whole. */
export function judgeH2spec(
  cases: readonly H2specCase[],
  tls: boolean,
  exceptions: readonly H2specException[] = H2SPEC_EXCEPTIONS,
): InteropReport {
  const report = cases.map((one) => {
    const exception = exceptions.find(({ id }) => id === one.id);
    return judgeCase(one, tls, exception);
  });
  for (const { id } of exceptions) {
    if (cases.some((one) => one.id === id)) continue;
    report.push(result(id, tls, 'fail', 'stale exception: h2spec has no such case'));
  }
  if (cases.length !== CASES) {
    report.push(result('', tls, 'fail', `h2spec ran ${cases.length} cases of ${CASES}`));
  }
  return report;
}

async function runOnce(
  binary: string,
  folder: string,
  certificate: Certificate | undefined,
  name: H2specServer,
): Promise<InteropReport> {
  const tls = certificate !== undefined;
  const server = await LineProcess.start(...SERVERS[name](certificate));
  try {
    const file = join(folder, tls ? 'tls.xml' : 'plain.xml');
    const target = ['-h', '127.0.0.1', '-p', String(server.port), ...(tls ? ['-t', '-k'] : [])];
    const { output, fault } = await run(binary, ['-S', '-j', file, ...target], RUN_MS);
    if (fault !== undefined) return [result('', tls, 'fail', `h2spec ${fault}`)];
    if (!existsSync(file)) {
      const last = output.trim().split('\n').at(-1) ?? '';
      return [result('', tls, 'fail', `h2spec wrote no report: ${last}`)];
    }
    const cases = parseH2specReport(readFileSync(file, 'utf8'));
    return judgeH2spec(cases, tls, name === 'sluice' ? H2SPEC_EXCEPTIONS : []);
  } catch (fault) {
    return [result('', tls, 'fail', fault instanceof Error ? fault.message : String(fault))];
  } finally {
    await server.stop();
  }
}

/** Runs h2spec twice: plain, then over TLS. The exceptions are those of Sluice. */
export async function runH2spec(
  onCase: (name: string) => void,
  name: H2specServer = 'sluice',
): Promise<InteropReport> {
  const report = await runBoth(onCase, name);
  return report.map((one) => ({ ...one, server: name }));
}

async function runBoth(onCase: (name: string) => void, name: H2specServer): Promise<InteropReport> {
  onCase('h2spec: build');
  const binary = findH2spec();
  if ('why' in binary) {
    return [false, true].map((tls) => result('', tls, 'skipped', binary.why));
  }
  const folder = mkdtempSync(join(tmpdir(), 'sluice-h2spec-'));
  try {
    onCase('h2spec: plain');
    const report = await runOnce(binary.path, folder, undefined, name);
    onCase('h2spec: TLS');
    const certificate = makeCertificate(folder);
    if (certificate === undefined) {
      report.push(result('', true, 'skipped', 'no openssl to make a certificate with'));
    } else {
      report.push(...(await runOnce(binary.path, folder, certificate, name)));
    }
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
