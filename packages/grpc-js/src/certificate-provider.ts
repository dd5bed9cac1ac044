// Certificates that change while the process runs: the interface of whoever has them, and files that
// are read again at intervals.
// Invariants: null tells listeners that loading failed, and nothing is told before it was tried; files
// are read only while somebody listens, who holds the process by it.
// Not here: who uses them (provided-certificates.ts, server-credentials.ts).

import { readFile } from 'node:fs/promises';

export interface CaCertificateUpdate {
  caCertificate: Buffer;
}

export interface IdentityCertificateUpdate {
  certificate: Buffer;
  privateKey: Buffer;
}

/** Hears of new certificates; null where they could not be loaded. */
export type CaCertificateUpdateListener = (update: CaCertificateUpdate | null) => void;

export type IdentityCertificateUpdateListener = (update: IdentityCertificateUpdate | null) => void;

/** Whoever has certificates. A listener hears of those that are there already, too. */
export interface CertificateProvider {
  addCaCertificateListener(listener: CaCertificateUpdateListener): void;
  removeCaCertificateListener(listener: CaCertificateUpdateListener): void;
  addIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void;
  removeIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void;
}

export interface FileWatcherCertificateProviderConfig {
  /** PEM; given with `privateKeyFile`. */
  certificateFile?: string | undefined;
  privateKeyFile?: string | undefined;
  caCertificateFile?: string | undefined;
  /** Milliseconds between reads. */
  refreshIntervalMs: number;
}

/** Certificates from files. Each read is told to the listeners, whether it found something new or not. */
export class FileWatcherCertificateProvider implements CertificateProvider {
  private readonly config: FileWatcherCertificateProviderConfig;
  private readonly caListeners: Set<CaCertificateUpdateListener>;
  private readonly identityListeners: Set<IdentityCertificateUpdateListener>;
  /** Undefined until loading was tried once. */
  private latestCaUpdate: CaCertificateUpdate | null | undefined;
  private latestIdentityUpdate: IdentityCertificateUpdate | null | undefined;
  private refreshTimer: NodeJS.Timeout | undefined;
  private reading: boolean;
  private lastReadMs: number;

  /** @throws Error if no file is named, or only one of certificate and key */
  constructor(config: FileWatcherCertificateProviderConfig) {
    const { certificateFile, privateKeyFile, caCertificateFile } = config;
    if ((certificateFile === undefined) !== (privateKeyFile === undefined)) {
      throw new Error('certificateFile and privateKeyFile must be set or unset together');
    }
    if (certificateFile === undefined && caCertificateFile === undefined) {
      throw new Error('At least one of certificateFile and caCertificateFile must be set');
    }
    this.config = config;
    this.caListeners = new Set();
    this.identityListeners = new Set();
    this.latestCaUpdate = undefined;
    this.latestIdentityUpdate = undefined;
    this.refreshTimer = undefined;
    this.reading = false;
    this.lastReadMs = Number.NEGATIVE_INFINITY;
  }

  addCaCertificateListener(listener: CaCertificateUpdateListener): void {
    this.caListeners.add(listener);
    this.watch();
    const { latestCaUpdate } = this;
    if (latestCaUpdate !== undefined) process.nextTick(listener, latestCaUpdate);
  }

  removeCaCertificateListener(listener: CaCertificateUpdateListener): void {
    this.caListeners.delete(listener);
    this.rest();
  }

  addIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void {
    this.identityListeners.add(listener);
    this.watch();
    const { latestIdentityUpdate } = this;
    if (latestIdentityUpdate !== undefined) process.nextTick(listener, latestIdentityUpdate);
  }

  removeIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void {
    this.identityListeners.delete(listener);
    this.rest();
  }

  // What was read while somebody listened last is good for an interval.
  private watch(): void {
    if (this.refreshTimer !== undefined) return;
    const { refreshIntervalMs } = this.config;
    if (performance.now() - this.lastReadMs > refreshIntervalMs) {
      this.latestCaUpdate = undefined;
      this.latestIdentityUpdate = undefined;
      void this.read();
    }
    this.refreshTimer = setInterval(() => void this.read(), refreshIntervalMs);
  }

  private rest(): void {
    if (this.caListeners.size > 0 || this.identityListeners.size > 0) return;
    clearInterval(this.refreshTimer);
    this.refreshTimer = undefined;
  }

  // Reads of a slow file system do not pile up.
  private async read(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    const { certificateFile, privateKeyFile, caCertificateFile } = this.config;
    const [certificate, privateKey, caCertificate] = await Promise.all([
      contentsOf(certificateFile),
      contentsOf(privateKeyFile),
      contentsOf(caCertificateFile),
    ]);
    this.reading = false;
    this.lastReadMs = performance.now();
    this.latestCaUpdate = caCertificate === null ? null : { caCertificate };
    this.latestIdentityUpdate =
      certificate === null || privateKey === null ? null : { certificate, privateKey };
    for (const listener of this.caListeners) listener(this.latestCaUpdate);
    for (const listener of this.identityListeners) listener(this.latestIdentityUpdate);
  }
}

async function contentsOf(path: string | undefined): Promise<Buffer | null> {
  if (path === undefined) return null;
  try {
    return await readFile(path);
  } catch {
    // Listeners are told that there is nothing; the next read may find it.
    return null;
  }
}
