// Where every call begins: its method, if it has one, and the attempts it will consist of.
// Invariant: a call without a retry or hedging policy is one plain ClientCall and never knows of the
// others. Not here: the kinds of calls (calls.ts), what an attempt does (call.ts).

import type { MethodKind } from '../grpc/method.ts';
import { ClientCall } from './call.ts';
import { checkPath } from './call-arguments.ts';
import type { CallHandle, CallPlacer, FieldsListener } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import type { AnyMethod } from './typed-messages.ts';

/** A path, whose messages are bytes, or a method. */
export type CallTarget = string | AnyMethod;

/** A call that is still to be started. */
export function beginCall(
  placer: CallPlacer,
  path: string,
  options: CallOptions,
  listener: FieldsListener,
): CallHandle {
  const retry = placer.retryOf(path);
  if (retry !== undefined) return retry.newCall(path, options, listener);
  return new ClientCall(placer, path, options, listener);
}

/** The path of a target. */
export function pathOf(target: CallTarget): string {
  return typeof target === 'string' ? target : target.path;
}

/** The method of a target that names one. @throws TypeError for another kind, and for what is neither */
export function methodOf(target: CallTarget, kind: MethodKind): AnyMethod | undefined {
  if (typeof target === 'string') return undefined;
  // Of any type, whatever its type says.
  if (target?.kind === kind) return target;
  if (typeof target?.path !== 'string') checkPath(target);
  throw new TypeError(
    `${target.path} is a ${target.kind} method; call it with channel.${target.kind}`,
  );
}
