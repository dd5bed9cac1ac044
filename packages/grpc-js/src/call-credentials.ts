// Call credentials: metadata that is made for each call.
// Invariant: what is composed gives the metadata of all its parts, in their order.
// Not here: how the runtime below asks for it (sluice-credentials.ts).

import { Metadata } from './metadata.ts';

/** The call that metadata is made for. */
export interface CallMetadataOptions {
  /** `/package.Service/Method`. */
  method_name: string;
  /** `https://host/package.Service`. */
  service_url: string;
}

export type CallMetadataGenerator = (
  options: CallMetadataOptions,
  cb: (err: Error | null, metadata?: Metadata) => void,
) => void;

// google-auth-library before 2.0.

export interface OldOAuth2Client {
  getRequestMetadata: (
    url: string,
    callback: (
      err: Error | null,
      headers?: {
        [index: string]: string;
      },
    ) => void,
  ) => void;
}

export interface CurrentOAuth2Client {
  getRequestHeaders: (url?: string) => Promise<{
    [index: string]: string;
  }>;
}

export type OAuth2Client = OldOAuth2Client | CurrentOAuth2Client;

// Copies of this package know each other's empty credentials by it.
const EMPTY: unique symbol = Symbol.for('sluice.grpc-js.emptyCallCredentials');

/** A way to make metadata for each call, such as a token. */
export abstract class CallCredentials {
  abstract generateMetadata(options: CallMetadataOptions): Promise<Metadata>;

  /** Both, this one's metadata first. */
  abstract compose(callCredentials: CallCredentials): CallCredentials;

  /** Two are equal that were made with the same generators in the same order. */
  abstract _equals(other: CallCredentials): boolean;

  static createFromMetadataGenerator(metadataGenerator: CallMetadataGenerator): CallCredentials {
    return new SingleCallCredentials(metadataGenerator);
  }

  /** Credentials of google-auth-library, of any of its versions. */
  static createFromGoogleCredential(googleCredentials: OAuth2Client): CallCredentials {
    return CallCredentials.createFromMetadataGenerator((options, callback) => {
      googleMetadata(googleCredentials, options.service_url).then(
        (metadata) => callback(null, metadata),
        (error: Error) => callback(error),
      );
    });
  }

  static createEmpty(): CallCredentials {
    return new EmptyCallCredentials();
  }
}

class ComposedCallCredentials extends CallCredentials {
  private readonly creds: readonly CallCredentials[];

  constructor(creds: readonly CallCredentials[]) {
    super();
    this.creds = creds;
  }

  async generateMetadata(options: CallMetadataOptions): Promise<Metadata> {
    const all = await Promise.all(this.creds.map((one) => one.generateMetadata(options)));
    const merged = new Metadata();
    for (const made of all) merged.merge(made);
    return merged;
  }

  compose(other: CallCredentials): CallCredentials {
    return isEmptyCallCredentials(other)
      ? this
      : new ComposedCallCredentials([...this.creds, other]);
  }

  _equals(other: CallCredentials): boolean {
    if (this === other) return true;
    if (!(other instanceof ComposedCallCredentials)) return false;
    const theirs = other.creds;
    return this.creds.every((one, at) => {
      const match = theirs[at];
      return match !== undefined && one._equals(match);
    });
  }
}

class SingleCallCredentials extends CallCredentials {
  private readonly metadataGenerator: CallMetadataGenerator;

  constructor(metadataGenerator: CallMetadataGenerator) {
    super();
    this.metadataGenerator = metadataGenerator;
  }

  generateMetadata(options: CallMetadataOptions): Promise<Metadata> {
    return new Promise((resolve, reject) => {
      this.metadataGenerator(options, (error, metadata) => {
        if (metadata !== undefined) resolve(metadata);
        else reject(error);
      });
    });
  }

  compose(other: CallCredentials): CallCredentials {
    return isEmptyCallCredentials(other) ? this : new ComposedCallCredentials([this, other]);
  }

  _equals(other: CallCredentials): boolean {
    if (this === other) return true;
    if (!(other instanceof SingleCallCredentials)) return false;
    return this.metadataGenerator === other.metadataGenerator;
  }
}

class EmptyCallCredentials extends CallCredentials {
  readonly [EMPTY]: true = true;

  generateMetadata(_options: CallMetadataOptions): Promise<Metadata> {
    return Promise.resolve(new Metadata());
  }

  compose(other: CallCredentials): CallCredentials {
    return other;
  }

  _equals(other: CallCredentials): boolean {
    return isEmptyCallCredentials(other);
  }
}

/** Whether credentials add nothing: those of `createEmpty`. */
export function isEmptyCallCredentials(callCredentials: CallCredentials): boolean {
  return EMPTY in callCredentials;
}

// google-auth-library.

async function googleMetadata(client: OAuth2Client, url: string): Promise<Metadata> {
  const headers: unknown = await googleHeaders(client, url);
  const metadata = new Metadata();
  if (typeof headers !== 'object' || headers === null) return metadata;
  for (const [key, value] of headerEntries(headers)) metadata.add(key, value);
  return metadata;
}

function googleHeaders(client: OAuth2Client, url: string): Promise<unknown> {
  if ('getRequestHeaders' in client && typeof client.getRequestHeaders === 'function') {
    return client.getRequestHeaders(url);
  }
  const { getRequestMetadata } = client as OldOAuth2Client;
  return new Promise((resolve, reject) => {
    getRequestMetadata.call(client, url, (error, headers) => {
      if (error) reject(error);
      else if (headers) resolve(headers);
      else reject(new Error('Headers not set by metadata plugin'));
    });
  });
}

// From version 10 on the library answers with a Headers of fetch, which has no keys of its own.
function headerEntries(headers: object): Iterable<readonly [string, string]> {
  return headers instanceof Headers ? headers.entries() : Object.entries(headers);
}
