// What happens to a call, told to whoever made it: as events of the stream or emitter that a client
// method returned, and to the callback of a method that has one response.
// Invariants: a callback is called once, and before the event `status`; of a stream that failed the end
// of its messages comes first, then `error`, then `status`; where one read brings all of a call, its end
// is told a turn after what the program may still be at. Not here: the streams (call.ts).

import {
  type ClientDuplexStreamImpl,
  type ClientReadableStreamImpl,
  callErrorAt,
  noteEnded,
  type SurfaceCall,
} from './call.ts';
import type { InterceptingListener, StatusObject } from './call-interface.ts';
import type { CallSite } from './call-site.ts';
import type { UnaryCallback } from './client.ts';
import type { InterceptingCallInterface } from './client-interceptors.ts';
import { Status } from './constants.ts';
import type { Metadata } from './metadata.ts';

/** What a method with one response is told that had none, in the words of gRPC's other clients. */
export const NO_MESSAGE = 'No message received';

/** The same for more than one. */
export const TOO_MANY_MESSAGES = 'Too many responses received';

/** Has what it is told of the end. */
interface Told {
  tell(status: StatusObject): void;
}

/** Of a method with one response. */
export class SingleResponseListener<ResponseType> implements InterceptingListener {
  private readonly surface: SurfaceCall;
  private readonly call: InterceptingCallInterface;
  private readonly callback: UnaryCallback<ResponseType>;
  private readonly site: CallSite;
  private response: ResponseType | null;
  /** The headers were listened for. */
  private heard: boolean;
  private ended: boolean;

  constructor(
    surface: SurfaceCall,
    call: InterceptingCallInterface,
    callback: UnaryCallback<ResponseType>,
    site: CallSite,
  ) {
    this.surface = surface;
    this.call = call;
    this.callback = callback;
    this.site = site;
    this.response = null;
    this.heard = false;
    this.ended = false;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.heard = this.surface.emit('metadata', metadata);
  }

  onReceiveMessage(message: ResponseType | null): void {
    if (this.response !== null) {
      this.call.cancelWithStatus(Status.UNIMPLEMENTED, TOO_MANY_MESSAGES);
    }
    this.response = message;
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.ended) return;
    this.ended = true;
    noteEnded(this.surface);
    // Who waited for the headers may want to listen for more.
    if (this.heard) setImmediate(tellStatus, this, status);
    else this.tell(status);
  }

  tell(status: StatusObject): void {
    const { callback, response } = this;
    if (status.code !== Status.OK) {
      callback(callErrorAt(status, this.site));
    } else if (response === null) {
      const { metadata } = status;
      const failure = { code: Status.UNIMPLEMENTED, details: NO_MESSAGE, metadata };
      callback(callErrorAt(failure, this.site));
    } else {
      callback(null, response);
    }
    this.surface.emit('status', status);
  }
}

/** Of a method with a stream of responses. */
export class ResponseStreamListener<ResponseType> implements InterceptingListener {
  private readonly stream:
    | ClientReadableStreamImpl<ResponseType>
    | ClientDuplexStreamImpl<unknown, ResponseType>;
  private readonly site: CallSite;
  /** Something came before the status. */
  private begun: boolean;
  private ended: boolean;

  constructor(
    stream: ClientReadableStreamImpl<ResponseType> | ClientDuplexStreamImpl<unknown, ResponseType>,
    site: CallSite,
  ) {
    this.stream = stream;
    this.site = site;
    this.begun = false;
    this.ended = false;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.begun = true;
    this.stream.emit('metadata', metadata);
  }

  onReceiveMessage(message: ResponseType): void {
    this.begun = true;
    this.stream.push(message);
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.ended) return;
    this.ended = true;
    noteEnded(this.stream);
    // What came in the same turn may be on its way through promises of the program's, or through streams
    // that it destroys when it hears of an error.
    if (this.begun) setImmediate(tellStatus, this, status);
    else this.tell(status);
  }

  tell(status: StatusObject): void {
    const { stream } = this;
    stream.push(null);
    // Who destroyed the stream wants to hear of no error that followed from it.
    if (status.code !== Status.OK && !stream.destroyed) {
      stream.emit('error', callErrorAt(status, this.site));
    }
    stream.emit('status', status);
  }
}

function tellStatus(listener: Told, status: StatusObject): void {
  listener.tell(status);
}
