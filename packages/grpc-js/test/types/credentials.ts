// A program written for @grpc/grpc-js: credentials of channels, calls and servers, and classes of one's own
// that extend them. It is compiled, never run.

import { createSecureContext, type PeerCertificate } from 'node:tls';
import {
  CallCredentials,
  ChannelCredentials,
  credentials,
  experimental,
  type KeyCertPair,
  Metadata,
  type OAuth2Client,
  type ServerCredentials as OfServer,
  ServerCredentials,
  type VerifyOptions,
} from '@grpc/grpc-js';

export const verify: VerifyOptions = {
  checkServerIdentity: (host: string, certificate: PeerCertificate) =>
    certificate.subjectaltname === host ? undefined : new Error('another'),
  rejectUnauthorized: true,
};

export const token: CallCredentials = credentials.createFromMetadataGenerator(
  (options, callback) => {
    const metadata = new Metadata();
    metadata.set('authorization', `${options.service_url} ${options.method_name}`);
    if (options.service_url === '') callback(new Error('no token'));
    else callback(null, metadata);
  },
);

/** google-auth-library's client, of now and of before. */
export const current: OAuth2Client = {
  getRequestHeaders: async (url?: string) => ({ authorization: url ?? '' }),
};
export const old: OAuth2Client = {
  getRequestMetadata: (url, callback) => callback(null, { authorization: url }),
};

export const channel: ChannelCredentials = credentials.combineChannelCredentials(
  credentials.createSsl(Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0), verify),
  token,
  credentials.createFromGoogleCredential(current),
  credentials.combineCallCredentials(token, credentials.createFromGoogleCredential(old)),
);

export const channels: readonly ChannelCredentials[] = [
  credentials.createInsecure(),
  credentials.createSsl(null, null, null),
  credentials.createFromSecureContext(createSecureContext(), verify),
  ChannelCredentials.createSsl(),
  ChannelCredentials.createInsecure(),
  channel.compose(token),
];

export const areSecure: readonly boolean[] = channels.map((one) => one._isSecure());

export class OwnCallCredentials extends CallCredentials {
  async generateMetadata(options: { method_name: string; service_url: string }): Promise<Metadata> {
    const metadata = new Metadata();
    metadata.set('x-method', options.method_name);
    return metadata;
  }
  compose(other: CallCredentials): CallCredentials {
    return other.compose(this);
  }
  _equals(other: CallCredentials): boolean {
    return this === other;
  }
}

export class OwnChannelCredentials extends ChannelCredentials {
  private readonly inner: ChannelCredentials;

  constructor(inner: ChannelCredentials) {
    super();
    this.inner = inner;
  }
  _isSecure(): boolean {
    return this.inner._isSecure();
  }
  _equals(other: ChannelCredentials): boolean {
    return this.inner._equals(other);
  }
  _createSecureConnector(
    ...args: Parameters<ChannelCredentials['_createSecureConnector']>
  ): experimental.SecureConnector {
    return this.inner._createSecureConnector(...args);
  }
}

export class OwnServerCredentials extends ServerCredentials {
  constructor() {
    super(null, {});
  }
  _equals(other: OfServer): boolean {
    return this === other;
  }
}

const pairs: KeyCertPair[] = [{ private_key: Buffer.alloc(0), cert_chain: Buffer.alloc(0) }];

export const servers: readonly ServerCredentials[] = [
  ServerCredentials.createInsecure(),
  ServerCredentials.createSsl(Buffer.alloc(0), pairs),
  experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), []),
];

export class OwnProvider implements experimental.CertificateProvider {
  private readonly ca: Set<experimental.CaCertificateUpdateListener> = new Set();
  private readonly identity: Set<experimental.IdentityCertificateUpdateListener> = new Set();

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.ca.add(listener);
    const update: experimental.CaCertificateUpdate = { caCertificate: Buffer.alloc(0) };
    listener(update);
  }
  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.ca.delete(listener);
  }
  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identity.add(listener);
    const update: experimental.IdentityCertificateUpdate = {
      certificate: Buffer.alloc(0),
      privateKey: Buffer.alloc(0),
    };
    listener(update);
    listener(null);
  }
  removeIdentityCertificateListener(
    listener: experimental.IdentityCertificateUpdateListener,
  ): void {
    this.identity.delete(listener);
  }
}

export function reloaded(): readonly [ChannelCredentials, ServerCredentials] {
  const config: experimental.FileWatcherCertificateProviderConfig = {
    caCertificateFile: 'ca.crt',
    certificateFile: undefined,
    privateKeyFile: 'tls.key',
    refreshIntervalMs: 60_000,
  };
  const files = new experimental.FileWatcherCertificateProvider(config);
  const own = new OwnProvider();
  return [
    experimental.createCertificateProviderChannelCredentials(files, own, verify),
    experimental.createCertificateProviderServerCredentials(own, files, true),
  ];
}
