// How a port of a server proves who it is: not at all, by a key and certificates, or by those that
// providers have at the time.
// Invariant: credentials of another copy of the package do, if they have the methods.
// Not here: where the runtime takes them from a port (server-tls.ts), providers (certificate-provider.ts).

import type { SecureServerOptions } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type {
  CaCertificateUpdate,
  CaCertificateUpdateListener,
  CertificateProvider,
  IdentityCertificateUpdate,
  IdentityCertificateUpdateListener,
} from './certificate-provider.ts';
import type { ServerInterceptor } from './server-interceptors.ts';
import { CIPHER_SUITES, getDefaultRootsData } from './tls-helpers.ts';

export interface KeyCertPair {
  private_key: Buffer;
  cert_chain: Buffer;
}

export type SecureContextWatcher = (context: SecureContextOptions | null) => void;

export abstract class ServerCredentials {
  private readonly constructorOptions: SecureServerOptions | null;
  private readonly watchers: Set<SecureContextWatcher>;
  private latest: SecureContextOptions | null;

  /**
   * @param serverConstructorOptions null for plain text
   * @param contextOptions key and certificates, where they are known from the start
   */
  constructor(
    serverConstructorOptions: SecureServerOptions | null,
    contextOptions?: SecureContextOptions,
  ) {
    this.constructorOptions = serverConstructorOptions;
    this.watchers = new Set();
    this.latest = contextOptions ?? null;
  }

  _addWatcher(watcher: SecureContextWatcher): void {
    this.watchers.add(watcher);
  }

  _removeWatcher(watcher: SecureContextWatcher): void {
    this.watchers.delete(watcher);
  }

  protected getWatcherCount(): number {
    return this.watchers.size;
  }

  protected updateSecureContextOptions(options: SecureContextOptions | null): void {
    this.latest = options;
    for (const watcher of this.watchers) watcher(options);
  }

  _isSecure(): boolean {
    return this.constructorOptions !== null;
  }

  _getSecureContextOptions(): SecureContextOptions | null {
    return this.latest;
  }

  _getConstructorOptions(): SecureServerOptions | null {
    return this.constructorOptions;
  }

  _getInterceptors(): ServerInterceptor[] {
    return [];
  }

  abstract _equals(other: ServerCredentials): boolean;

  static createInsecure(): ServerCredentials {
    return new InsecureServerCredentials();
  }

  /** @throws TypeError that names the argument */
  static createSsl(
    rootCerts: Buffer | null,
    keyCertPairs: KeyCertPair[],
    checkClientCertificate = false,
  ): ServerCredentials {
    checkSslArguments(rootCerts, keyCertPairs, checkClientCertificate);
    const context: SecureContextOptions = {
      ca: rootCerts ?? getDefaultRootsData() ?? undefined,
      cert: keyCertPairs.map((pair) => pair.cert_chain),
      key: keyCertPairs.map((pair) => pair.private_key),
      ...(CIPHER_SUITES === undefined ? {} : { ciphers: CIPHER_SUITES }),
    };
    return new SecureServerCredentials({ requestCert: checkClientCertificate }, context);
  }
}

// What programs without types give may be anything.
function checkSslArguments(rootCerts: unknown, pairs: unknown, checkClient: unknown): void {
  if (rootCerts !== null && !Buffer.isBuffer(rootCerts)) {
    throw new TypeError('rootCerts must be null or a Buffer');
  }
  if (!Array.isArray(pairs)) throw new TypeError('keyCertPairs must be an array');
  if (typeof checkClient !== 'boolean') {
    throw new TypeError('checkClientCertificate must be a boolean');
  }
  pairs.forEach((pair: unknown, at) => {
    if (typeof pair !== 'object' || pair === null) {
      throw new TypeError(`keyCertPair[${at}] must be an object`);
    }
    if (!('private_key' in pair) || !Buffer.isBuffer(pair.private_key)) {
      throw new TypeError(`keyCertPair[${at}].private_key must be a Buffer`);
    }
    if (!('cert_chain' in pair) || !Buffer.isBuffer(pair.cert_chain)) {
      throw new TypeError(`keyCertPair[${at}].cert_chain must be a Buffer`);
    }
  });
}

/** Whether a value is credentials of this or of another copy of this package. */
export function isServerCredentials(value: unknown): value is ServerCredentials {
  if (value instanceof ServerCredentials) return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    '_isSecure' in value &&
    typeof value._isSecure === 'function' &&
    '_getSecureContextOptions' in value &&
    typeof value._getSecureContextOptions === 'function' &&
    '_equals' in value &&
    typeof value._equals === 'function'
  );
}

class InsecureServerCredentials extends ServerCredentials {
  constructor() {
    super(null);
  }

  _equals(other: ServerCredentials): boolean {
    return other instanceof InsecureServerCredentials;
  }
}

class SecureServerCredentials extends ServerCredentials {
  _equals(other: ServerCredentials): boolean {
    if (this === other) return true;
    return (
      other instanceof SecureServerCredentials &&
      isDeepStrictEqual(this._getConstructorOptions(), other._getConstructorOptions()) &&
      isDeepStrictEqual(this._getSecureContextOptions(), other._getSecureContextOptions())
    );
  }
}

class CertificateProviderServerCredentials extends ServerCredentials {
  private readonly identityProvider: CertificateProvider;
  private readonly caProvider: CertificateProvider | null;
  private readonly requireClientCertificate: boolean;
  private latestCa: CaCertificateUpdate | null;
  private latestIdentity: IdentityCertificateUpdate | null;
  private readonly onCa: CaCertificateUpdateListener;
  private readonly onIdentity: IdentityCertificateUpdateListener;

  constructor(
    identityCertificateProvider: CertificateProvider,
    caCertificateProvider: CertificateProvider | null,
    requireClientCertificate: boolean,
  ) {
    super({
      requestCert: caCertificateProvider !== null,
      rejectUnauthorized: requireClientCertificate,
    });
    this.identityProvider = identityCertificateProvider;
    this.caProvider = caCertificateProvider;
    this.requireClientCertificate = requireClientCertificate;
    this.latestCa = null;
    this.latestIdentity = null;
    this.onCa = (update) => {
      this.latestCa = update;
      this.update();
    };
    this.onIdentity = (update) => {
      this.latestIdentity = update;
      this.update();
    };
  }

  // Providers work only as long as a port uses them.
  override _addWatcher(watcher: SecureContextWatcher): void {
    if (this.getWatcherCount() === 0) {
      this.caProvider?.addCaCertificateListener(this.onCa);
      this.identityProvider.addIdentityCertificateListener(this.onIdentity);
    }
    super._addWatcher(watcher);
  }

  override _removeWatcher(watcher: SecureContextWatcher): void {
    super._removeWatcher(watcher);
    if (this.getWatcherCount() > 0) return;
    this.caProvider?.removeCaCertificateListener(this.onCa);
    this.identityProvider.removeIdentityCertificateListener(this.onIdentity);
  }

  _equals(other: ServerCredentials): boolean {
    if (this === other) return true;
    return (
      other instanceof CertificateProviderServerCredentials &&
      this.caProvider === other.caProvider &&
      this.identityProvider === other.identityProvider &&
      this.requireClientCertificate === other.requireClientCertificate
    );
  }

  private update(): void {
    this.updateSecureContextOptions(this.contextOptions());
  }

  /** Null until all that is needed is here. */
  private contextOptions(): SecureContextOptions | null {
    const { latestCa, latestIdentity } = this;
    if (latestIdentity === null) return null;
    if (this.caProvider !== null && latestCa === null) return null;
    return {
      ca: latestCa?.caCertificate,
      cert: [latestIdentity.certificate],
      key: [latestIdentity.privateKey],
    };
  }
}

/**
 * Credentials whose key and certificates may change. The names of the first two parameters are those
 * that were published, and the wrong way round: the first provides the identity, the second the
 * authorities that clients' certificates must come from.
 */
export function createCertificateProviderServerCredentials(
  caCertificateProvider: CertificateProvider,
  identityCertificateProvider: CertificateProvider | null,
  requireClientCertificate: boolean,
): CertificateProviderServerCredentials {
  return new CertificateProviderServerCredentials(
    caCertificateProvider,
    identityCertificateProvider,
    requireClientCertificate,
  );
}

class InterceptorServerCredentials extends ServerCredentials {
  private readonly child: ServerCredentials;
  private readonly interceptors: ServerInterceptor[];

  constructor(child: ServerCredentials, interceptors: ServerInterceptor[]) {
    super(null);
    this.child = child;
    this.interceptors = interceptors;
  }

  override _isSecure(): boolean {
    return this.child._isSecure();
  }

  _equals(other: ServerCredentials): boolean {
    return (
      other instanceof InterceptorServerCredentials &&
      this.child._equals(other.child) &&
      this.interceptors.length === other.interceptors.length &&
      this.interceptors.every((one, at) => one === other.interceptors[at])
    );
  }

  override _getInterceptors(): ServerInterceptor[] {
    return this.interceptors;
  }

  override _addWatcher(watcher: SecureContextWatcher): void {
    this.child._addWatcher(watcher);
  }

  override _removeWatcher(watcher: SecureContextWatcher): void {
    this.child._removeWatcher(watcher);
  }

  override _getConstructorOptions(): SecureServerOptions | null {
    return this.child._getConstructorOptions();
  }

  override _getSecureContextOptions(): SecureContextOptions | null {
    return this.child._getSecureContextOptions();
  }
}

/** Credentials whose ports run these interceptors, before those of the server. */
export function createServerCredentialsWithInterceptors(
  credentials: ServerCredentials,
  interceptors: ServerInterceptor[],
): ServerCredentials {
  return new InterceptorServerCredentials(credentials, interceptors);
}
