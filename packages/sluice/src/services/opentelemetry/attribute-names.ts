// What is recorded of methods, targets and statuses.
// Invariant: the values are few whatever peers and programs send: a method that nobody has registered
// is "other" unless the program says otherwise. gRFC A66 "Attributes".

import { parseTargetUri } from '../../channel/target.ts';

/** Recorded in place of names that are not. */
export const OTHER = 'other';

/** What names are recorded; given to `instrument`. */
export interface RecordedNames {
  /**
   * Whether the path (`/package.Service/Method`) of a method that is not registered is recorded;
   * default no, and "other" is. Registered are, on a server, methods with a handler; on a client,
   * methods of a service definition.
   */
  readonly methods?: ((path: string) => boolean) | undefined;
  /** Whether a target is recorded; default yes. Otherwise "other" is. */
  readonly targets?: ((target: string) => boolean) | undefined;
}

/** Turns paths and targets into attributes, each once. */
export class AttributeNames {
  private readonly names: RecordedNames;
  private readonly targets: Map<string, string>;

  constructor(names: RecordedNames) {
    this.names = names;
    this.targets = new Map();
  }

  /** `grpc.method`: the path without its slash. */
  methodOf(path: string, registered: boolean): string {
    if (registered || this.names.methods?.(path) === true) return path.slice(1);
    return OTHER;
  }

  /** `grpc.target`: the target with its scheme. */
  targetOf(target: string): string {
    let recorded = this.targets.get(target);
    if (recorded === undefined) {
      const canonical = canonicalTarget(target);
      recorded = this.names.targets?.(canonical) === false ? OTHER : canonical;
      // A program that makes channels to new targets for as long as it runs must not fill this.
      if (this.targets.size >= MAX_TARGETS) this.targets.clear();
      this.targets.set(target, recorded);
    }
    return recorded;
  }
}

const MAX_TARGETS = 1_000;

function canonicalTarget(target: string): string {
  const uri = parseTargetUri(target);
  return uri.path === target && uri.scheme === 'dns' ? `dns:///${target}` : target;
}
