import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect, types } from 'node:util';
import { Metadata } from '#sluice/grpc/metadata.js';
import { Status } from '#sluice/grpc/status.js';
import { StatusError } from '#sluice/grpc/status-error.js';

test('the message names the code and the details', () => {
  assert.equal(new StatusError(Status.UNAVAILABLE, 'gone').message, '14 UNAVAILABLE: gone');
  assert.equal(new StatusError(Status.ABORTED).message, '10 ABORTED');
  assert.equal(String(new StatusError(Status.OK, 'x')), 'StatusError: 0 OK: x');
});

test('an error made by a handler has a stack, a cause and its metadata', () => {
  const cause = new Error('disk');
  const metadata = new Metadata({ 'x-a': '1' });
  const error = new StatusError(Status.INTERNAL, 'failed', { cause, metadata });
  assert.ok(error instanceof Error && types.isNativeError(error));
  assert.match(error.stack ?? '', /status-error\.test/);
  assert.equal(error.cause, cause);
  assert.equal(error.metadata, metadata);
  assert.equal('cause' in new StatusError(Status.INTERNAL), false);
});

test('a refusal has no stack frames and leaves the stack limit as it was', () => {
  const limit = Error.stackTraceLimit;
  const error = StatusError.refusal(Status.RESOURCE_EXHAUSTED, 'full');
  assert.equal(error.stack, 'StatusError: 8 RESOURCE_EXHAUSTED: full');
  assert.equal(Error.stackTraceLimit, limit);
  assert.ok(types.isNativeError(error));
  assert.equal(error.metadata.size, 0);
  assert.equal(error.metadata, error.metadata);
});

test('the error of a call that ended carries its trailers and no stack frames', () => {
  const trailer = Metadata.fromFields(['grpc-status', '5', 'x-why', 'no']);
  const error = StatusError.ended(Status.NOT_FOUND, 'nothing', trailer);
  assert.equal(error.code, Status.NOT_FOUND);
  assert.deepEqual([...error.metadata], [['x-why', 'no']]);
  assert.equal(error.stack, 'StatusError: 5 NOT_FOUND: nothing');
});

test('printing an error shows its code and details and no internals', () => {
  const shown = inspect(StatusError.refusal(Status.RESOURCE_EXHAUSTED, 'full'));
  assert.equal(shown, "[StatusError: 8 RESOURCE_EXHAUSTED: full] { code: 8, details: 'full' }");
});

test('instanceof holds for errors of another copy of the package', async () => {
  const url = import.meta.resolve('#sluice/grpc/status-error.js');
  const copy: { StatusError: typeof StatusError } = await import(`${url}?copy`);
  assert.notEqual(copy.StatusError, StatusError);
  const theirs = copy.StatusError.refusal(Status.ABORTED, '');
  assert.ok(theirs instanceof StatusError);
  assert.ok(new StatusError(Status.ABORTED) instanceof copy.StatusError);
});

test('instanceof does not hold for other values, and tells subclasses apart', () => {
  class Special extends StatusError {}
  const special: unknown = new Special(Status.ABORTED);
  const plain: unknown = new StatusError(Status.ABORTED);
  assert.equal(special instanceof StatusError, true);
  assert.equal(special instanceof Special, true);
  assert.equal(plain instanceof Special, false);
  const others: unknown[] = [null, undefined, 1, 'x', {}, new Error('x'), () => {}];
  for (const value of others) assert.equal(value instanceof StatusError, false);
});

test('what is no code, no text or no metadata is refused', () => {
  // As programs without types may.
  const made = (code: unknown, details?: unknown, metadata?: unknown) => (): StatusError =>
    new StatusError(code as Status, details as string, { metadata: metadata as Metadata });
  assert.throws(made('INTERNAL'), {
    name: 'TypeError',
    message: 'the code of a status must be one of Status, not INTERNAL',
  });
  assert.throws(made(Number.NaN), /one of Status, not NaN/);
  assert.throws(made(Status.INTERNAL, new Error('x')), {
    name: 'TypeError',
    message:
      'the details of a status must be a string, not object; an error goes into options.cause',
  });
  assert.throws(made(Status.INTERNAL, 'x', { 'x-a': '1' }), {
    name: 'TypeError',
    message: 'the metadata of a StatusError must be a Metadata of this package',
  });
  assert.throws(() => StatusError.refusal(Status.INTERNAL, 5 as unknown as string), TypeError);
});
