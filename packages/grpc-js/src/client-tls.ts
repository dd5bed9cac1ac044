// What Sluice needs of channel credentials: TLS settings and the call credentials of every call.
// Invariants: equal credentials with equal options give one and the same TLS object, by which Sluice
// knows that connections may be shared; credentials of another copy of this package, or of 1.14.7
// itself, are understood by their fields.
// Not here: making credentials (channel-credentials.ts), sockets (Sluice's).

import type { SecureContext } from 'node:tls';
import type { ClientTlsOptions } from 'sluice';
import type { CallCredentials } from './call-credentials.ts';
import type { CertificateProvider } from './certificate-provider.ts';
import type { ChannelCredentials, VerifyOptions } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import { ProvidedCertificates } from './provided-certificates.ts';

/** Set by this package where the certificate is to be checked for the address, and no name is sent. */
export const NO_SERVER_NAME: string = 'sluice.no_server_name';

/** The call credentials that go with every call of a channel. */
export function callCredentialsOf(credentials: ChannelCredentials): CallCredentials | undefined {
  return isComposed(credentials) ? credentials.callCredentials : undefined;
}

/**
 * The TLS settings of a channel, false for plain text. The same object for equal credentials with the
 * same `grpc.ssl_target_name_override` and `grpc-node.tls_enable_trace`.
 * @throws TypeError for secure credentials of a class that is not known here
 */
export function tlsOf(
  credentials: ChannelCredentials,
  options: ChannelOptions,
): ClientTlsOptions | false {
  if (isComposed(credentials)) return tlsOf(credentials.channelCredentials, options);
  if (!credentials._isSecure()) return false;
  const { base, verifyOptions } = partsOf(credentials);
  const servername = options[NO_SERVER_NAME] ? '' : options['grpc.ssl_target_name_override'];
  const enableTrace = Boolean(options['grpc-node.tls_enable_trace']);
  const { checkServerIdentity, rejectUnauthorized } = verifyOptions;
  const known = settingsFor(base.key, checkServerIdentity ?? base.key);
  const name = JSON.stringify([servername, enableTrace, rejectUnauthorized]);
  let settings = known.get(name);
  if (settings === undefined) {
    settings = {
      ...base.make(),
      ...(checkServerIdentity === undefined ? undefined : { checkServerIdentity }),
      ...(rejectUnauthorized === undefined ? undefined : { rejectUnauthorized }),
      ...(servername || options[NO_SERVER_NAME] ? { servername } : undefined),
      ...(enableTrace ? { enableTrace } : undefined),
    };
    known.set(name, settings);
  }
  return settings;
}

/** Where the certificates of secure credentials come from; `key` is the same where they are. */
interface TlsBase {
  readonly key: object;
  make(): ClientTlsOptions;
}

const made: WeakMap<object, WeakMap<object, Map<string, ClientTlsOptions>>> = new WeakMap();

function settingsFor(key: object, check: object): Map<string, ClientTlsOptions> {
  let byCheck = made.get(key);
  if (byCheck === undefined) {
    byCheck = new WeakMap();
    made.set(key, byCheck);
  }
  let settings = byCheck.get(check);
  if (settings === undefined) {
    settings = new Map();
    byCheck.set(check, settings);
  }
  return settings;
}

function partsOf(credentials: ChannelCredentials): {
  readonly base: TlsBase;
  readonly verifyOptions: VerifyOptions;
} {
  const verifyOptions = isVerified(credentials) ? credentials.verifyOptions : {};
  if (isOfContext(credentials)) {
    const { secureContext } = credentials;
    return { base: { key: secureContext, make: () => ({ secureContext }) }, verifyOptions };
  }
  if (isOfProviders(credentials)) {
    const { caCertificateProvider: authorities, identityCertificateProvider: identity } =
      credentials;
    // Connections that wait for them wait together, those of one object of credentials.
    const make = (): ClientTlsOptions => ({
      certificates: new ProvidedCertificates(authorities, identity),
    });
    return { base: { key: credentials, make }, verifyOptions };
  }
  throw new TypeError(
    `channel credentials of the class ${credentials.constructor.name} cannot be used; make them with credentials.createSsl or createFromSecureContext`,
  );
}

// Known by their fields, since a program may have two copies of this package.

interface Composed {
  readonly channelCredentials: ChannelCredentials;
  readonly callCredentials: CallCredentials;
}

interface OfContext {
  readonly secureContext: SecureContext;
}

interface OfProviders {
  readonly caCertificateProvider: CertificateProvider;
  readonly identityCertificateProvider: CertificateProvider | null;
}

function isComposed(credentials: object): credentials is Composed {
  return 'channelCredentials' in credentials && 'callCredentials' in credentials;
}

function isOfContext(credentials: object): credentials is OfContext {
  return 'secureContext' in credentials;
}

function isOfProviders(credentials: object): credentials is OfProviders {
  return 'caCertificateProvider' in credentials && 'identityCertificateProvider' in credentials;
}

function isVerified(credentials: object): credentials is { readonly verifyOptions: VerifyOptions } {
  return 'verifyOptions' in credentials;
}
