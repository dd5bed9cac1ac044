// One attempt of a streaming call below its interceptors: its response is there with the headers,
// or fails when the call ends before them.
// Invariant: messages are not read ahead of whoever iterates over the response.

import { Metadata } from '../grpc/metadata.ts';
import type { Status } from '../grpc/status.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { FieldsListener } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import type { StreamCallResponse } from './interceptor.ts';
import { ResponseStream } from './response-stream.ts';
import type { AnyMethod } from './typed-messages.ts';

/** The listener of one attempt. */
export class StreamAttempt implements FieldsListener {
  readonly responses: ResponseStream;
  /** Settles with the headers or, before them, with the end. */
  readonly response: Promise<StreamCallResponse>;
  private readonly trailer: Metadata;
  private resolve: (response: StreamCallResponse | PromiseLike<StreamCallResponse>) => void;
  private answered: boolean;
  private onOver: () => void;

  constructor(method: AnyMethod | undefined, options: CallOptions) {
    this.responses = new ResponseStream(method, options);
    this.trailer = new Metadata();
    this.resolve = () => {};
    this.response = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.answered = false;
    this.onOver = () => {};
  }

  get method(): AnyMethod | undefined {
    return this.responses.method;
  }

  /** Calls `listener` when the attempt has ended. */
  whenOver(listener: () => void): void {
    this.onOver = listener;
  }

  onHeader(header: HeaderFields): void {
    this.responses.onHeader(header);
    this.answer(Metadata.fromFields(header));
  }

  onMessage(message: Buffer): void {
    this.responses.onMessage(message);
  }

  onWritable(): void {
    this.responses.onWritable();
  }

  onEnd(code: Status, details: string, trailer: HeaderFields): void {
    this.onOver();
    this.trailer.merge(Metadata.fromFields(trailer));
    this.responses.onEnd(code, details, trailer);
    if (this.answered) return;
    // Nothing can have come but the end: it fails the response, or leaves it empty.
    this.answered = true;
    this.resolve(this.responses.next().then(() => this.made(new Metadata())));
  }

  private answer(header: Metadata): void {
    if (this.answered) return;
    this.answered = true;
    this.resolve(this.made(header));
  }

  private made(header: Metadata): StreamCallResponse {
    return { stream: true, header, message: this.responses, trailer: this.trailer };
  }
}
