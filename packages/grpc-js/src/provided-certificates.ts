// Key and certificates of a channel that come from certificate providers, as Sluice asks for them:
// once for each connection.
// Invariants: a provider has listeners of ours only while a connection waits for it, so that one that
// nobody uses any more may stop its work; connections that wait at the same time wait together.
// Not here: where providers get them (certificate-provider.ts).

import type {
  CaCertificateUpdate,
  CertificateProvider,
  IdentityCertificateUpdate,
} from './certificate-provider.ts';

/** What the providers have, as node:tls takes it. */
export interface ProvidedMaterial {
  readonly ca: Buffer;
  readonly key?: Buffer;
  readonly cert?: Buffer;
}

/** For `tls.certificates` of Sluice's channel options. */
export class ProvidedCertificates {
  private readonly authorities: CertificateProvider;
  private readonly identity: CertificateProvider | null;
  private pending: Promise<ProvidedMaterial> | undefined;

  constructor(authorities: CertificateProvider, identity: CertificateProvider | null) {
    this.authorities = authorities;
    this.identity = identity;
    this.pending = undefined;
  }

  /** Waits for what is not loaded yet. Rejects when a provider could not load its files. */
  current(): Promise<ProvidedMaterial> {
    this.pending ??= this.ask().finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  private async ask(): Promise<ProvidedMaterial> {
    const [{ caCertificate: ca }, identity] = await Promise.all([
      authoritiesOf(this.authorities),
      this.identity === null ? undefined : identityOf(this.identity),
    ]);
    if (identity === undefined) return { ca };
    return { ca, cert: identity.certificate, key: identity.privateKey };
  }
}

function authoritiesOf(provider: CertificateProvider): Promise<CaCertificateUpdate> {
  return new Promise((resolve, reject) => {
    const listener = (update: CaCertificateUpdate | null): void => {
      provider.removeCaCertificateListener(listener);
      if (update !== null) resolve(update);
      else reject(new Error('the certificate provider has no CA certificate that it could load'));
    };
    provider.addCaCertificateListener(listener);
  });
}

function identityOf(provider: CertificateProvider): Promise<IdentityCertificateUpdate> {
  return new Promise((resolve, reject) => {
    const listener = (update: IdentityCertificateUpdate | null): void => {
      provider.removeIdentityCertificateListener(listener);
      if (update !== null) resolve(update);
      else
        reject(new Error('the certificate provider has no key and certificate that it could load'));
    };
    provider.addIdentityCertificateListener(listener);
  });
}
