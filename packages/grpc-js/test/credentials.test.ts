// What Sluice is given for credentials: one TLS object for what is equal, credentials of other copies of
// the package, and certificates of providers, who are left alone once a connection has them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { Metadata as PublishedMetadata, credentials as published } from '@grpc/grpc-js';
import {
  type CallCredentials,
  type ChannelCredentials,
  credentials,
  Metadata,
} from '@sluice/grpc-js';
import type {
  CaCertificateUpdateListener,
  CertificateProvider,
  IdentityCertificateUpdateListener,
} from '@sluice/grpc-js/build/src/certificate-provider';
import { createCertificateProviderChannelCredentials } from '@sluice/grpc-js/build/src/channel-credentials';
import { callCredentialsOf, tlsOf } from '@sluice/grpc-js/build/src/client-tls';
import { credentialsFor } from '@sluice/grpc-js/build/src/sluice-credentials';
import { type CallCredentials as SluiceCallCredentials, StatusError } from 'sluice';

/** As Sluice is given the only credentials of a call without a token in its metadata. */
function toSluice(own: CallCredentials): SluiceCallCredentials {
  const made = credentialsFor(own, undefined, 0);
  assert.ok(made);
  return made;
}

/** Another copy's, whose private fields are another type's. */
function ours(foreign: unknown): ChannelCredentials {
  return foreign as ChannelCredentials;
}

const token: CallCredentials = credentials.createFromMetadataGenerator((_options, callback) => {
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer x');
  callback(null, metadata);
});

const request = {
  path: '/a.B/C',
  authority: 'host:50051',
  serviceUrl: 'https://host/a.B',
};

describe('TLS settings', () => {
  it('are none for plain text', () => {
    assert.equal(tlsOf(credentials.createInsecure(), {}), false);
  });

  it('are one object for credentials that are equal', () => {
    const context = createSecureContext();
    const one = credentials.createFromSecureContext(context);
    const two = credentials.createFromSecureContext(context);
    assert.equal(tlsOf(one, {}), tlsOf(two, {}));
    assert.equal(tlsOf(one, {}), tlsOf(one.compose(token), {}));
    assert.equal(tlsOf(one, {}), tlsOf(one, { 'grpc.max_send_message_length': 5 }));
  });

  it('are others for another name, check or context', () => {
    const context = createSecureContext();
    const made = credentials.createFromSecureContext(context);
    const checkServerIdentity = (): undefined => undefined;
    const others = [
      tlsOf(made, { 'grpc.ssl_target_name_override': 'x.example' }),
      tlsOf(made, { 'grpc-node.tls_enable_trace': 1 }),
      tlsOf(credentials.createFromSecureContext(context, { checkServerIdentity }), {}),
      tlsOf(credentials.createFromSecureContext(context, { rejectUnauthorized: false }), {}),
      tlsOf(credentials.createSsl(), {}),
    ];
    assert.equal(new Set([tlsOf(made, {}), ...others]).size, 6);
  });

  it('say what the credentials and the options say', () => {
    const context = createSecureContext();
    const checkServerIdentity = (): undefined => undefined;
    const verify = { checkServerIdentity, rejectUnauthorized: false };
    const made = credentials.createFromSecureContext(context, verify);
    assert.deepEqual(tlsOf(made, { 'grpc.ssl_target_name_override': 'x.example' }), {
      secureContext: context,
      checkServerIdentity,
      rejectUnauthorized: false,
      servername: 'x.example',
    });
  });

  it('are found in credentials of 1.14.7', () => {
    const context = createSecureContext();
    const foreign = published.createFromSecureContext(context, { rejectUnauthorized: false });
    assert.deepEqual(tlsOf(ours(foreign), {}), {
      secureContext: context,
      rejectUnauthorized: false,
    });
    const call = published.createFromMetadataGenerator(() => {});
    const composed = ours(foreign.compose(call));
    assert.equal(tlsOf(composed, {}), tlsOf(ours(foreign), {}));
    assert.equal(callCredentialsOf(composed), call);
    assert.equal(tlsOf(ours(published.createInsecure()), {}), false);
  });

  it('cannot be made of secure credentials that are unknown', () => {
    class Strange {
      _isSecure(): boolean {
        return true;
      }
    }
    assert.throws(() => tlsOf(ours(new Strange()), {}), {
      name: 'TypeError',
      message:
        'channel credentials of the class Strange cannot be used; make them with credentials.createSsl or createFromSecureContext',
    });
  });
});

describe('call credentials', () => {
  it('are one function for one object', () => {
    assert.equal(toSluice(token), toSluice(token));
    assert.equal(callCredentialsOf(credentials.createSsl()), undefined);
    assert.equal(callCredentialsOf(credentials.createSsl().compose(token)), token);
  });

  it('of the call come before those of its channel', async () => {
    const of = (value: string): CallCredentials =>
      credentials.createFromMetadataGenerator((_options, callback) => {
        const metadata = new Metadata();
        metadata.set('k', value);
        callback(null, metadata);
      });
    const made = await credentialsFor(of('own'), of('common'), 0)?.(request);
    assert.deepEqual({ ...made?.toJSON() }, { k: ['own', 'common'] });
    assert.equal(credentialsFor(undefined, undefined, 1), undefined);
  });

  it('of 1.14.7 give their metadata', async () => {
    const foreign: unknown = published.createFromMetadataGenerator((_options, callback) => {
      const metadata = new PublishedMetadata();
      metadata.set('k', 'v');
      callback(null, metadata);
    });
    const made = await toSluice(foreign as CallCredentials)(request);
    assert.deepEqual({ ...made.toJSON() }, { k: ['v'] });
  });

  it('that fail end the call with the status of their error, never with one of servers', async () => {
    const failing = (code: number): Promise<unknown> =>
      Promise.resolve(
        toSluice(
          credentials.createFromMetadataGenerator((_options, callback) =>
            callback(Object.assign(new Error('no token'), { code })),
          ),
        )(request),
      );
    const text = 'Getting metadata from plugin failed with error: no token';
    await assert.rejects(failing(16), { code: 16, details: text });
    await assert.rejects(failing(5), (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(error.code, 13);
      assert.match(error.details, /^Invalid status from control plane: 5 NOT_FOUND /);
      return true;
    });
  });
});

class Provider implements CertificateProvider {
  readonly authorities: Set<CaCertificateUpdateListener> = new Set();
  readonly identities: Set<IdentityCertificateUpdateListener> = new Set();

  addCaCertificateListener(listener: CaCertificateUpdateListener): void {
    this.authorities.add(listener);
  }

  removeCaCertificateListener(listener: CaCertificateUpdateListener): void {
    this.authorities.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void {
    this.identities.add(listener);
  }

  removeIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void {
    this.identities.delete(listener);
  }
}

describe('certificates of providers', () => {
  function currentOf(provider: Provider): () => unknown {
    const made = createCertificateProviderChannelCredentials(provider, provider);
    const settings = tlsOf(made, {});
    assert.ok(settings !== false && settings.certificates !== undefined);
    const { certificates } = settings;
    return () => certificates.current();
  }

  it('are asked for once by connections that wait together, and nobody listens afterwards', async () => {
    const provider = new Provider();
    const current = currentOf(provider);
    const both = [current(), current()];
    assert.deepEqual([provider.authorities.size, provider.identities.size], [1, 1]);
    const [ca, certificate, privateKey] = ['ca', 'certificate', 'key'].map((text) =>
      Buffer.from(text),
    ) as [Buffer, Buffer, Buffer];
    for (const listener of provider.authorities) listener({ caCertificate: ca });
    for (const listener of provider.identities) listener({ certificate, privateKey });
    const material = { ca, cert: certificate, key: privateKey };
    assert.deepEqual(await Promise.all(both), [material, material]);
    assert.deepEqual([provider.authorities.size, provider.identities.size], [0, 0]);
    void current();
    assert.equal(provider.authorities.size, 1);
  });

  it('that cannot be loaded are an error of the connection', async () => {
    const provider = new Provider();
    const waiting = currentOf(provider)();
    for (const listener of provider.authorities) listener(null);
    await assert.rejects(Promise.resolve(waiting), {
      message: 'the certificate provider has no CA certificate that it could load',
    });
  });
});
