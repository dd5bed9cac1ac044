// Key and certificates in files that are replaced while the process runs (cert-manager, certbot).
// Invariants: what is handed out was read together and fits together; files that do not fit, half
// written ones included, leave the last good ones in use and are reported once.
// Not here: who uses them (listener.ts for new connections, connector.ts for each of its own).

import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import tls from 'node:tls';
import { processWheel } from './timer-wheel.ts';
import { WheelTimeout } from './wheel-timeout.ts';

/** Paths of PEM files, and what is done when they cannot be used. */
export interface CertificateFilesOptions {
  /** The private key. */
  readonly key?: string | undefined;
  /** The certificate chain; given with `key`. */
  readonly cert?: string | undefined;
  /** The authorities that the other end's certificate must come from. */
  readonly ca?: string | undefined;
  /** Hears why changed files are not used; default `console.error`. */
  readonly onReloadError?: ((error: Error) => void) | undefined;
}

/** What the files have, as node:tls takes it. */
export interface CertificateMaterial {
  readonly key?: Buffer;
  readonly cert?: Buffer;
  readonly ca?: Buffer;
}

/** Where TLS settings have their key and certificates from: `certificateFiles`, or what does as it does. */
export interface CertificateSource {
  /** What new connections use, as node:tls takes it; empty while there is none. */
  current(): tls.SecureContextOptions;
  /** Calls `onChange` after each change, until the function it returns is called. */
  watch(onChange: () => void): () => void;
}

/** Milliseconds between looks at the files while a server watches them. */
const POLL_MS = 250;

// Of PEM (RFC 7468); whatever else is in a file of authorities is for node:tls to judge.
const BEGIN = '-----BEGIN ';
const END = /-----END [^-]+-----/;
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED |)CERTIFICATE-----[^-]*-----END \1CERTIFICATE-----/g;

const NAMES: readonly ('key' | 'cert' | 'ca')[] = ['key', 'cert', 'ca'];

/**
 * Certificates that are read again when their files change; for `tls.certificates` of a server or a
 * channel. Servers look every 250 ms, channels with each connection they make.
 * @throws Error when the files cannot be read or do not fit together; TypeError for missing paths
 */
export function certificateFiles(options: CertificateFilesOptions): CertificateFiles {
  return new CertificateFiles(options);
}

/** Made with `certificateFiles`. */
export class CertificateFiles implements CertificateSource {
  private readonly options: CertificateFilesOptions;
  private readonly watchers: Set<() => void>;
  private material: CertificateMaterial;
  /** What the files looked like when they were read last. */
  private seen: string;
  /** Read once more though nothing seems changed: two writes may share one time of change. */
  private again: boolean;
  private complaint: string;
  private timer: WheelTimeout | undefined;

  /** Use `certificateFiles`. */
  constructor(options: CertificateFilesOptions) {
    const { key, cert, ca } = options;
    if ((key === undefined) !== (cert === undefined) || (key ?? ca) === undefined) {
      throw new TypeError(
        'certificateFiles needs the paths of key and cert, of ca, or of all three',
      );
    }
    this.options = options;
    this.watchers = new Set();
    this.seen = this.lookSync();
    this.again = true;
    this.complaint = '';
    this.timer = undefined;
    this.material = this.readSync();
    checkMaterial(this.material);
  }

  /** The newest that fit together; looks at the files first unless a server watches them. */
  current(): CertificateMaterial {
    if (this.watchers.size === 0) this.reload();
    return this.material;
  }

  /**
   * Looks at the files now, and tells those who use them of a change.
   * @returns whether something new is in use
   */
  reload(): boolean {
    try {
      const seen = this.lookSync();
      if (!this.isNews(seen)) return false;
      return this.take(this.readSync());
    } catch (error) {
      this.complain(error);
      return false;
    }
  }

  /**
   * Called after each change, until the function it returns is called. The files are looked at
   * every 250 ms as long as somebody watches; that does not hold the process.
   */
  watch(onChange: () => void): () => void {
    // Each watcher is its own, even if two share a function.
    const watcher = (): void => onChange();
    this.watchers.add(watcher);
    this.timer ??= new WheelTimeout(processWheel, POLL_MS, this.poll);
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size > 0) return;
      this.timer?.cancel();
      this.timer = undefined;
    };
  }

  private readonly poll = (): void => {
    void this.pollFiles();
  };

  // The event loop does not wait for a slow file system here.
  private async pollFiles(): Promise<void> {
    const { timer } = this;
    try {
      const looks = await Promise.all(this.paths().map((path) => stat(path, BIGINT)));
      if (this.isNews(looks.map(describe).join(' '))) this.take(await this.read());
    } catch (error) {
      this.complain(error);
    } finally {
      // Unless nobody watches any more, or again.
      if (this.timer === timer) this.timer = new WheelTimeout(processWheel, POLL_MS, this.poll);
    }
  }

  private isNews(seen: string): boolean {
    if (seen === this.seen && !this.again) return false;
    this.again = seen !== this.seen;
    this.seen = seen;
    return true;
  }

  private take(material: CertificateMaterial): boolean {
    if (NAMES.every((name) => sameBytes(material[name], this.material[name]))) return false;
    checkMaterial(material);
    this.material = material;
    this.complaint = '';
    for (const watcher of this.watchers) watcher();
    return true;
  }

  private complain(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    // To be read again with the next look, and told of only when it says something new.
    this.again = true;
    if (reason === this.complaint) return;
    this.complaint = reason;
    const text = `the certificates in ${this.paths().join(', ')} are not used, the last good ones stay: ${reason}`;
    const report = this.options.onReloadError ?? ((failure: Error): void => console.error(failure));
    report(new Error(text, { cause: error }));
  }

  private paths(): string[] {
    return NAMES.map((name) => this.options[name]).filter((path) => path !== undefined);
  }

  private lookSync(): string {
    return this.paths()
      .map((path) => describe(statSync(path, BIGINT)))
      .join(' ');
  }

  private readSync(): CertificateMaterial {
    const { key, cert, ca } = this.options;
    return {
      ...(key === undefined ? {} : { key: readFileSync(key) }),
      ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
      ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    };
  }

  private async read(): Promise<CertificateMaterial> {
    const { key, cert, ca } = this.options;
    return {
      ...(key === undefined ? {} : { key: await readFile(key) }),
      ...(cert === undefined ? {} : { cert: await readFile(cert) }),
      ...(ca === undefined ? {} : { ca: await readFile(ca) }),
    };
  }
}

const BIGINT: { readonly bigint: true } = { bigint: true };

function describe(file: { mtimeNs: bigint; ino: bigint; size: bigint }): string {
  return `${file.mtimeNs}/${file.ino}/${file.size}`;
}

function checkMaterial(material: CertificateMaterial): void {
  // Throws unless key and certificate belong together.
  tls.createSecureContext(material);
  const ca = material.ca?.toString('latin1');
  if (ca === undefined) return;
  // Of authorities node:tls takes what it can read and says nothing of the rest.
  const certificates = ca.match(CERTIFICATE) ?? [];
  const isCut = ca.split(BEGIN).length !== ca.split(END).length;
  if (certificates.length === 0 || isCut) {
    throw new Error(`the file of ca is no list of whole certificates; write PEM, in one step`);
  }
  for (const certificate of certificates) new X509Certificate(certificate);
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
