// Around every handler of the process: where an observer puts what belongs to a call, as the active
// trace context, in force while its handler runs.
// Invariants: without an observer a handler costs one check more; `begin` is called exactly once,
// inside `run`. Not here: interceptors, which see and change calls (interceptor.ts).

import type { ServerStream } from '../transport/server-stream.ts';

/** Runs the beginning of a handler; what it does later follows from there, as async contexts do. */
export interface HandlerScope {
  run(stream: ServerStream, begin: () => void): void;
}

/** Observers, of which there may be several. */
export class HandlerScopes {
  /** False while nobody observes: the one check of a call. */
  any: boolean;
  private scopes: readonly HandlerScope[];

  constructor() {
    this.any = false;
    this.scopes = [];
  }

  add(scope: HandlerScope): void {
    this.set([...this.scopes, scope]);
  }

  delete(scope: HandlerScope): void {
    this.set(this.scopes.filter((one) => one !== scope));
  }

  private set(scopes: readonly HandlerScope[]): void {
    this.scopes = scopes;
    this.any = scopes.length > 0;
  }

  /** Runs `begin` inside all of them, the first one outermost. */
  run(stream: ServerStream, begin: () => void): void {
    let inner = begin;
    for (const scope of this.scopes.toReversed()) {
      const next = inner;
      inner = () => scope.run(stream, next);
    }
    inner();
  }
}

/** The observers of this process. */
export const handlerScopes: HandlerScopes = /* @__PURE__ */ new HandlerScopes();
