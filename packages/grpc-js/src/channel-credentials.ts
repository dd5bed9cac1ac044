// Channel credentials: how a channel's connections are made secure, with the call credentials that go
// with every call.
// Invariant: what cannot work is refused when credentials are made, not when a connection is.
// Not here: the metadata of calls (call-credentials.ts), what Sluice needs of credentials (client-tls.ts),
// sockets (Sluice's, secure-connector.ts).

import type { Socket } from 'node:net';
import {
  type ConnectionOptions,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';
import type { ClientTlsOptions } from 'sluice';
import type { CallCredentials } from './call-credentials.ts';
import type { CertificateProvider } from './certificate-provider.ts';
import type { ChannelOptions } from './channel-options.ts';
import { tlsOf } from './client-tls.ts';
import { plainConnector, tlsConnector } from './secure-connector.ts';
import { CIPHER_SUITES, getDefaultRootsData } from './tls-helpers.ts';
import { type GrpcUri, splitHostPort } from './uri-parser.ts';

/** Says why a server's certificate is not of `hostname`; nothing if it is. */
export type CheckServerIdentityCallback = (
  hostname: string,
  cert: PeerCertificate,
) => Error | undefined;

export interface VerifyOptions {
  /** In place of Node's check of the name. */
  checkServerIdentity?: CheckServerIdentityCallback;
  /** False takes any certificate. Default: true. */
  rejectUnauthorized?: boolean;
}

export interface SecureConnectResult {
  socket: Socket;
  secure: boolean;
}

/** Makes the sockets of one channel secure. */
export interface SecureConnector {
  connect(socket: Socket): Promise<SecureConnectResult>;
  waitForReady(): Promise<void>;
  getCallCredentials(): CallCredentials;
  destroy(): void;
}

/** How the connections of a channel are made secure. */
export abstract class ChannelCredentials {
  /**
   * The same with metadata for every call.
   * @throws Error for credentials that are not secure
   */
  compose(callCredentials: CallCredentials): ChannelCredentials {
    return new ComposedChannelCredentialsImpl(this, callCredentials);
  }

  abstract _isSecure(): boolean;

  /** Two are equal that were made with the same parameters. */
  abstract _equals(other: ChannelCredentials): boolean;

  abstract _createSecureConnector(
    channelTarget: GrpcUri,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector;

  /**
   * TLS. Without roots those of GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, else Node's; cipher suites of
   * GRPC_SSL_CIPHER_SUITES.
   * @throws TypeError for what is no Buffer, Error for one of key and chain without the other and for
   * what is no PEM
   */
  static createSsl(
    rootCerts?: Buffer | null,
    privateKey?: Buffer | null,
    certChain?: Buffer | null,
    verifyOptions?: VerifyOptions,
  ): ChannelCredentials {
    checkBuffer(rootCerts, 'Root certificate');
    checkBuffer(privateKey, 'Private key');
    checkBuffer(certChain, 'Certificate chain');
    if (privateKey && !certChain) {
      throw new Error('Private key must be given with accompanying certificate chain');
    }
    if (!privateKey && certChain) {
      throw new Error('Certificate chain must be given with accompanying private key');
    }
    const context = createSecureContext({
      ca: rootCerts ?? getDefaultRootsData() ?? undefined,
      key: privateKey ?? undefined,
      cert: certChain ?? undefined,
      ciphers: CIPHER_SUITES,
    });
    return new SecureChannelCredentialsImpl(context, verifyOptions ?? {});
  }

  /** TLS with a context of `tls.createSecureContext`, to which the environment adds nothing. */
  static createFromSecureContext(
    secureContext: SecureContext,
    verifyOptions?: VerifyOptions,
  ): ChannelCredentials {
    return new SecureChannelCredentialsImpl(secureContext, verifyOptions ?? {});
  }

  /** Plain text. */
  static createInsecure(): ChannelCredentials {
    return new InsecureChannelCredentialsImpl();
  }
}

function checkBuffer(value: unknown, name: string): void {
  if (value && !(value instanceof Buffer))
    throw new TypeError(`${name}, if provided, must be a Buffer.`);
}

class InsecureChannelCredentialsImpl extends ChannelCredentials {
  override compose(_callCredentials: CallCredentials): ChannelCredentials {
    throw new Error('Cannot compose insecure credentials');
  }

  _isSecure(): boolean {
    return false;
  }

  _equals(other: ChannelCredentials): boolean {
    return other instanceof InsecureChannelCredentialsImpl;
  }

  _createSecureConnector(
    _channelTarget: GrpcUri,
    _options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    return plainConnector(callCredentials);
  }
}

class SecureChannelCredentialsImpl extends ChannelCredentials {
  private readonly secureContext: SecureContext;
  private readonly verifyOptions: VerifyOptions;

  constructor(secureContext: SecureContext, verifyOptions: VerifyOptions) {
    super();
    this.secureContext = secureContext;
    this.verifyOptions = verifyOptions;
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    if (this === other) return true;
    if (!(other instanceof SecureChannelCredentialsImpl)) return false;
    return (
      this.secureContext === other.secureContext &&
      this.verifyOptions.checkServerIdentity === other.verifyOptions.checkServerIdentity
    );
  }

  _createSecureConnector(
    channelTarget: GrpcUri,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const settings = tlsOf(this, options);
    return tlsConnector(() => connectionOptions(settings, channelTarget), callCredentials);
  }
}

class CertificateProviderChannelCredentialsImpl extends ChannelCredentials {
  private readonly caCertificateProvider: CertificateProvider;
  private readonly identityCertificateProvider: CertificateProvider | null;
  private readonly verifyOptions: VerifyOptions;

  constructor(
    caCertificateProvider: CertificateProvider,
    identityCertificateProvider: CertificateProvider | null,
    verifyOptions: VerifyOptions,
  ) {
    super();
    this.caCertificateProvider = caCertificateProvider;
    this.identityCertificateProvider = identityCertificateProvider;
    this.verifyOptions = verifyOptions;
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    if (this === other) return true;
    if (!(other instanceof CertificateProviderChannelCredentialsImpl)) return false;
    return (
      this.caCertificateProvider === other.caCertificateProvider &&
      this.identityCertificateProvider === other.identityCertificateProvider &&
      this.verifyOptions.checkServerIdentity === other.verifyOptions.checkServerIdentity
    );
  }

  _createSecureConnector(
    channelTarget: GrpcUri,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const settings = tlsOf(this, options);
    return tlsConnector(() => connectionOptions(settings, channelTarget), callCredentials);
  }
}

/** TLS with certificates of providers, as they are when a connection is made. */
export function createCertificateProviderChannelCredentials(
  caCertificateProvider: CertificateProvider,
  identityCertificateProvider: CertificateProvider | null,
  verifyOptions?: VerifyOptions,
): CertificateProviderChannelCredentialsImpl {
  return new CertificateProviderChannelCredentialsImpl(
    caCertificateProvider,
    identityCertificateProvider,
    verifyOptions ?? {},
  );
}

class ComposedChannelCredentialsImpl extends ChannelCredentials {
  private readonly channelCredentials: ChannelCredentials;
  private readonly callCredentials: CallCredentials;

  constructor(channelCredentials: ChannelCredentials, callCredentials: CallCredentials) {
    super();
    if (!channelCredentials._isSecure()) throw new Error('Cannot compose insecure credentials');
    this.channelCredentials = channelCredentials;
    this.callCredentials = callCredentials;
  }

  override compose(callCredentials: CallCredentials): ChannelCredentials {
    const both = this.callCredentials.compose(callCredentials);
    return new ComposedChannelCredentialsImpl(this.channelCredentials, both);
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    if (this === other) return true;
    if (!(other instanceof ComposedChannelCredentialsImpl)) return false;
    return (
      this.channelCredentials._equals(other.channelCredentials) &&
      this.callCredentials._equals(other.callCredentials)
    );
  }

  _createSecureConnector(
    channelTarget: GrpcUri,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const all =
      callCredentials === undefined
        ? this.callCredentials
        : this.callCredentials.compose(callCredentials);
    return this.channelCredentials._createSecureConnector(channelTarget, options, all);
  }
}

/** The settings that Sluice has, for a socket that is there already. */
async function connectionOptions(
  settings: ClientTlsOptions | false,
  target: GrpcUri,
): Promise<ConnectionOptions> {
  if (settings === false) return {};
  const { certificates, ...rest } = settings;
  const host = splitHostPort(target.path)?.host ?? target.path;
  return { host, servername: host, ...rest, ...(await certificates?.current()) };
}
