// A service as the generators of Google's clients describe one: protobufjs JSON, of the four kinds, and the
// configuration of its retries. Not here: its handlers, its client.

import type { ClientConfig } from 'google-gax';

const NAME = 'test.library.v1.Library';

const BOOK = { name: { type: 'string', id: 1 }, pages: { type: 'int32', id: 2 } };

export const libraryProtos: object = {
  nested: {
    test: {
      nested: {
        library: {
          nested: {
            v1: {
              nested: {
                Library: {
                  methods: {
                    GetBook: { requestType: 'Book', responseType: 'Book' },
                    ListBooks: { requestType: 'Book', responseType: 'Book', responseStream: true },
                    AddBooks: { requestType: 'Book', responseType: 'Book', requestStream: true },
                    Swap: {
                      requestType: 'Book',
                      responseType: 'Book',
                      requestStream: true,
                      responseStream: true,
                    },
                  },
                },
                Book: { fields: BOOK },
              },
            },
          },
        },
      },
    },
  },
};

export interface Book {
  readonly name?: string;
  readonly pages?: number;
}

const METHOD = {
  timeout_millis: 10_000,
  retry_codes_name: 'idempotent',
  retry_params_name: 'default',
};

/** GetBook and ListBooks are retried after UNAVAILABLE, and wait a millisecond. */
export const libraryConfig: ClientConfig = {
  interfaces: {
    [NAME]: {
      retry_codes: { idempotent: ['UNAVAILABLE'], non_idempotent: [] },
      retry_params: {
        default: {
          initial_retry_delay_millis: 1,
          retry_delay_multiplier: 1,
          max_retry_delay_millis: 1,
          initial_rpc_timeout_millis: 10_000,
          rpc_timeout_multiplier: 1,
          max_rpc_timeout_millis: 10_000,
          total_timeout_millis: 20_000,
        },
      },
      methods: {
        GetBook: METHOD,
        ListBooks: METHOD,
        AddBooks: { ...METHOD, retry_codes_name: 'non_idempotent' },
        Swap: { ...METHOD, retry_codes_name: 'non_idempotent' },
      },
    },
  },
};

export const LIBRARY: string = NAME;
