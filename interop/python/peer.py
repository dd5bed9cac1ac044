"""grpcio (C-core) as a peer of the interop cases. Longer than 400 lines because it is a program of
one file, which needs no package around it.

    peer.py --descriptors FILE server --port 0 [--cert FILE --key FILE]
    peer.py --descriptors FILE client --port N [--ca FILE] --cases a,b,c

FILE is a serialized FileDescriptorSet of proto/. The server says {"port":N} and ends with its
stdin. The client says one JSON line per case.

C-core hides whether a message came compressed. Where a case asks for that, it is told not to
decompress, and the deserializers here do: no message of these tests begins as gzip or zlib data
do. Everything that is sent is compressed by C-core itself.
"""

import argparse
import concurrent.futures
import gzip
import json
import queue
import sys
import time
import zlib

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc._cython import cygrpc

CASE_SECONDS = 20
SERVICE = "grpc.testing.TestService"
INITIAL_KEY = "x-grpc-test-echo-initial"
TRAILING_KEY = "x-grpc-test-echo-trailing-bin"
LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
# Both directions of the cases stay below C-core's default limit of 4 MiB.
RAW_MESSAGES = [("grpc.per_message_decompression", 0)]


class Messages:
    """The message classes, made from descriptors."""

    def __init__(self, path):
        pool = descriptor_pool.DescriptorPool()
        with open(path, "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
        for one in files.file:
            pool.Add(one)
        for name in (
            "Empty",
            "BoolValue",
            "Payload",
            "EchoStatus",
            "SimpleRequest",
            "SimpleResponse",
            "StreamingInputCallRequest",
            "StreamingInputCallResponse",
            "ResponseParameters",
            "StreamingOutputCallRequest",
            "StreamingOutputCallResponse",
        ):
            descriptor = pool.FindMessageTypeByName("grpc.testing." + name)
            setattr(self, name, message_factory.GetMessageClass(descriptor))

    def zeros(self, size):
        return self.Payload(body=bytes(size))

    def flag(self, value):
        return self.BoolValue(value=value)


class Received:
    """A message and whether it came compressed."""

    def __init__(self, message, compressed):
        self.message = message
        self.compressed = compressed


def raw_decoder(message_class):
    """A deserializer for messages that C-core did not decompress."""

    def decode(data):
        if data[:2] == b"\x1f\x8b":
            return Received(message_class.FromString(gzip.decompress(data)), True)
        if data[:1] == b"\x78":
            return Received(message_class.FromString(zlib.decompress(data)), True)
        return Received(message_class.FromString(data), False)

    return decode


# The server.


class TestService:
    def __init__(self, messages):
        self.messages = messages

    def handlers(self):
        m = self.messages
        encode = lambda message: message.SerializeToString()
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "EmptyCall": grpc.unary_unary_rpc_method_handler(
                    self.empty, raw_decoder(m.Empty), encode
                ),
                "UnaryCall": grpc.unary_unary_rpc_method_handler(
                    self.unary, raw_decoder(m.SimpleRequest), encode
                ),
                "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(
                    self.output, raw_decoder(m.StreamingOutputCallRequest), encode
                ),
                "StreamingInputCall": grpc.stream_unary_rpc_method_handler(
                    self.input, raw_decoder(m.StreamingInputCallRequest), encode
                ),
                "FullDuplexCall": grpc.stream_stream_rpc_method_handler(
                    self.duplex, raw_decoder(m.StreamingOutputCallRequest), encode
                ),
            },
        )

    @staticmethod
    def echo_metadata(context):
        trailing = []
        for key, value in context.invocation_metadata():
            if key == INITIAL_KEY:
                context.send_initial_metadata(((key, value),))
            elif key == TRAILING_KEY:
                trailing.append((key, value))
        if trailing:
            context.set_trailing_metadata(tuple(trailing))

    @staticmethod
    def check(request, context):
        """Judges whether a request came as it says it should have."""
        message = request.message
        if message.HasField("expect_compressed"):
            expected = message.expect_compressed.value
            if expected != request.compressed:
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"the request should have come with compressed = {expected}",
                )

    @staticmethod
    def end_as_asked(message, context):
        """Ends the call with the status that the request asks for, if it asks for one."""
        if message.HasField("response_status") and message.response_status.code != 0:
            asked = message.response_status
            code = next(one for one in grpc.StatusCode if one.value[0] == asked.code)
            context.abort(code, asked.message)

    def empty(self, request, context):
        return self.messages.Empty()

    def unary(self, request, context):
        self.check(request, context)
        message = request.message
        if message.HasField("response_compressed") and message.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        self.echo_metadata(context)
        self.end_as_asked(message, context)
        return self.messages.SimpleResponse(payload=self.messages.zeros(message.response_size))

    def responses(self, message, context):
        for one in message.response_parameters:
            if one.interval_us > 0:
                time.sleep(one.interval_us / 1e6)
            if not one.compressed.value:
                context.disable_next_message_compression()
            payload = self.messages.zeros(one.size)
            yield self.messages.StreamingOutputCallResponse(payload=payload)

    def output(self, request, context):
        if any(one.compressed.value for one in request.message.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        yield from self.responses(request.message, context)

    def input(self, requests, context):
        total = 0
        for request in requests:
            self.check(request, context)
            total += len(request.message.payload.body)
        return self.messages.StreamingInputCallResponse(aggregated_payload_size=total)

    def duplex(self, requests, context):
        self.echo_metadata(context)
        for request in requests:
            self.end_as_asked(request.message, context)
            yield from self.responses(request.message, context)


def serve(options):
    executor = concurrent.futures.ThreadPoolExecutor(max_workers=32)
    server = grpc.server(executor, options=RAW_MESSAGES + [("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((TestService(Messages(options.descriptors)).handlers(),))
    address = f"127.0.0.1:{options.port}"
    if options.cert:
        with open(options.cert, "rb") as cert, open(options.key, "rb") as key:
            pair = (key.read(), cert.read())
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    print(json.dumps({"port": port}), flush=True)
    sys.stdin.read()
    server.stop(None)


# The client.


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def expect_code(call, code, what):
    """Waits for the end of `call`, which is a function, and takes nothing but `code` for it."""
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code() == code, f"{what}: ended with {error.code()}: {error.details()}")
        return error
    raise AssertionError(f"{what}: ended with OK, not {code}")


class Calls:
    """The methods of the service on one channel, with deserializers of one kind."""

    def __init__(self, channel, messages, decoder):
        def method(kind, name, reply, service=SERVICE):
            return kind(
                f"/{service}/{name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=decoder(reply),
            )

        m = messages
        self.empty = method(channel.unary_unary, "EmptyCall", m.Empty)
        self.unary = method(channel.unary_unary, "UnaryCall", m.SimpleResponse)
        self.output = method(
            channel.unary_stream, "StreamingOutputCall", m.StreamingOutputCallResponse
        )
        self.input = method(channel.stream_unary, "StreamingInputCall", m.StreamingInputCallResponse)
        self.duplex = method(
            channel.stream_stream, "FullDuplexCall", m.StreamingOutputCallResponse
        )
        self.unimplemented_method = method(channel.unary_unary, "UnimplementedCall", m.Empty)
        self.unimplemented_service = method(
            channel.unary_unary, "UnimplementedCall", m.Empty, "grpc.testing.UnimplementedService"
        )


class Requests:
    """Requests of a stream, sent when they are put; `end` half-closes."""

    def __init__(self):
        self.queue = queue.Queue()

    def put(self, message):
        self.queue.put(message)

    def end(self):
        self.queue.put(None)

    def __iter__(self):
        return iter(self.queue.get, None)


def uncompressed(message):
    """Yields a message of a compressed stream that shall go uncompressed.

    grpcio's client API has no per-message switch, but the operation it sends a message with has:
    its flags come from a constant of the module, which is another one for this message alone.
    """
    module = grpc._channel
    flags = module._EMPTY_FLAGS
    module._EMPTY_FLAGS = cygrpc.WriteFlag.no_compress
    try:
        yield message
    finally:
        module._EMPTY_FLAGS = flags


class Cases:
    def __init__(self, options):
        self.messages = Messages(options.descriptors)
        self.channel = self.open(options, [])
        self.raw_channel = self.open(options, RAW_MESSAGES)
        self.calls = Calls(self.channel, self.messages, lambda reply: reply.FromString)
        self.raw_calls = Calls(self.raw_channel, self.messages, raw_decoder)

    @staticmethod
    def open(options, channel_options):
        target = f"127.0.0.1:{options.port}"
        if not options.ca:
            return grpc.insecure_channel(target, options=channel_options)
        with open(options.ca, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        return grpc.secure_channel(target, credentials, options=channel_options)

    def close(self):
        self.channel.close()
        self.raw_channel.close()

    def expect_size(self, reply, size):
        got = len(reply.payload.body)
        expect(got == size, f"the payload has {got} bytes, not {size}")

    def large(self, **fields):
        return self.messages.SimpleRequest(
            response_size=LARGE_RESPONSE, payload=self.messages.zeros(LARGE_REQUEST), **fields
        )

    def output_request(self, sizes, payload=0, **fields):
        m = self.messages
        return m.StreamingOutputCallRequest(
            response_parameters=[m.ResponseParameters(size=size) for size in sizes],
            payload=m.zeros(payload),
            **fields,
        )

    def empty_unary(self):
        self.calls.empty(self.messages.Empty(), timeout=CASE_SECONDS)

    def large_unary(self):
        self.expect_size(self.calls.unary(self.large(), timeout=CASE_SECONDS), LARGE_RESPONSE)

    def client_compressed_unary(self):
        flag = self.messages.flag
        lie = self.large(expect_compressed=flag(True))
        expect_code(
            lambda: self.calls.unary(lie, timeout=CASE_SECONDS),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the probe",
        )
        reply = self.calls.unary(lie, timeout=CASE_SECONDS, compression=grpc.Compression.Gzip)
        self.expect_size(reply, LARGE_RESPONSE)
        plain = self.large(expect_compressed=flag(False))
        self.expect_size(self.calls.unary(plain, timeout=CASE_SECONDS), LARGE_RESPONSE)

    def server_compressed_unary(self):
        for compressed in (True, False):
            request = self.large(response_compressed=self.messages.flag(compressed))
            # Once decompressed by C-core, once with the flag seen.
            self.expect_size(self.calls.unary(request, timeout=CASE_SECONDS), LARGE_RESPONSE)
            reply = self.raw_calls.unary(request, timeout=CASE_SECONDS)
            self.expect_size(reply.message, LARGE_RESPONSE)
            expect(
                reply.compressed == compressed,
                f"response_compressed {compressed}: came with compressed = {reply.compressed}",
            )

    def client_streaming(self):
        m = self.messages
        requests = [m.StreamingInputCallRequest(payload=m.zeros(size)) for size in REQUEST_SIZES]
        reply = self.calls.input(iter(requests), timeout=CASE_SECONDS)
        total = reply.aggregated_payload_size
        expect(total == 74922, f"the sum of the payloads is {total}, not 74922")

    def client_compressed_streaming(self):
        m = self.messages

        def request(size, expected):
            return m.StreamingInputCallRequest(
                payload=m.zeros(size), expect_compressed=m.flag(expected)
            )

        def requests():
            yield request(27182, True)
            yield from uncompressed(request(45904, False))

        expect_code(
            lambda: self.calls.input(iter([request(27182, True)]), timeout=CASE_SECONDS),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the probe",
        )
        reply = self.calls.input(
            requests(), timeout=CASE_SECONDS, compression=grpc.Compression.Gzip
        )
        total = reply.aggregated_payload_size
        expect(total == 73086, f"the sum of the payloads is {total}, not 73086")

    def server_streaming(self):
        replies = self.calls.output(self.output_request(RESPONSE_SIZES), timeout=CASE_SECONDS)
        sizes = tuple(len(reply.payload.body) for reply in replies)
        expect(sizes == RESPONSE_SIZES, f"the payloads have {sizes} bytes, not {RESPONSE_SIZES}")

    def server_compressed_streaming(self):
        m = self.messages
        expected = [(31415, True), (92653, False)]
        request = m.StreamingOutputCallRequest(
            response_parameters=[
                m.ResponseParameters(size=size, compressed=m.flag(compressed))
                for size, compressed in expected
            ]
        )
        replies = self.calls.output(request, timeout=CASE_SECONDS)
        sizes = [len(reply.payload.body) for reply in replies]
        expect(sizes == [size for size, _ in expected], f"the payloads have {sizes} bytes")
        raw = self.raw_calls.output(request, timeout=CASE_SECONDS)
        got = [(len(reply.message.payload.body), reply.compressed) for reply in raw]
        expect(got == expected, f"(size, compressed) is {got}, not {expected}")

    def ping_pong(self):
        requests = Requests()
        replies = self.calls.duplex(iter(requests), timeout=CASE_SECONDS)
        for request_size, size in zip(REQUEST_SIZES, RESPONSE_SIZES):
            requests.put(self.output_request([size], request_size))
            self.expect_size(next(replies), size)
        requests.end()
        expect(next(replies, None) is None, "a fifth response")

    def empty_stream(self):
        replies = self.calls.duplex(iter(()), timeout=CASE_SECONDS)
        expect(next(replies, None) is None, "a response to no request")

    def custom_metadata(self):
        sent = ((INITIAL_KEY, "test_initial_metadata_value"), (TRAILING_KEY, b"\xab\xab\xab"))

        def check(call, what):
            header, trailer = call.initial_metadata(), call.trailing_metadata()
            expect(sent[0] in [tuple(one) for one in header], f"{what}: headers are {header}")
            expect(sent[1] in [tuple(one) for one in trailer], f"{what}: trailers are {trailer}")

        reply, call = self.calls.unary.with_call(self.large(), timeout=CASE_SECONDS, metadata=sent)
        self.expect_size(reply, LARGE_RESPONSE)
        check(call, "UnaryCall")
        requests = [self.output_request([LARGE_RESPONSE], LARGE_REQUEST)]
        call = self.calls.duplex(iter(requests), timeout=CASE_SECONDS, metadata=sent)
        sizes = [len(one.payload.body) for one in call]
        expect(sizes == [LARGE_RESPONSE], f"FullDuplexCall: the payloads have {sizes} bytes")
        check(call, "FullDuplexCall")

    def expect_status(self, call, text, what):
        error = expect_code(call, grpc.StatusCode.UNKNOWN, what)
        expect(error.details() == text, f"{what}: the message is {error.details()!r}")

    def status_code_and_message(self):
        text = "test status message"
        status = self.messages.EchoStatus(code=2, message=text)
        request = self.messages.SimpleRequest(response_status=status)
        self.expect_status(
            lambda: self.calls.unary(request, timeout=CASE_SECONDS), text, "UnaryCall"
        )
        requests = [self.messages.StreamingOutputCallRequest(response_status=status)]
        call = self.calls.duplex(iter(requests), timeout=CASE_SECONDS)
        self.expect_status(lambda: next(call), text, "FullDuplexCall")

    def special_status_message(self):
        text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
        status = self.messages.EchoStatus(code=2, message=text)
        request = self.messages.SimpleRequest(response_status=status)
        self.expect_status(
            lambda: self.calls.unary(request, timeout=CASE_SECONDS), text, "UnaryCall"
        )

    def unimplemented_method(self):
        empty = self.messages.Empty()
        call = lambda: self.calls.unimplemented_method(empty, timeout=CASE_SECONDS)
        expect_code(call, grpc.StatusCode.UNIMPLEMENTED, "UnimplementedCall")

    def unimplemented_service(self):
        empty = self.messages.Empty()
        call = lambda: self.calls.unimplemented_service(empty, timeout=CASE_SECONDS)
        expect_code(call, grpc.StatusCode.UNIMPLEMENTED, "UnimplementedCall")

    def cancel_after_begin(self):
        requests = Requests()
        call = self.calls.input.future(iter(requests), timeout=CASE_SECONDS)
        call.cancel()
        requests.end()
        expect(call.cancelled(), "the call does not say that it was cancelled")
        expect(call.code() == grpc.StatusCode.CANCELLED, f"the call ended with {call.code()}")

    def cancel_after_first_response(self):
        requests = Requests()
        call = self.calls.duplex(iter(requests), timeout=CASE_SECONDS)
        requests.put(self.output_request([31415], 27182))
        self.expect_size(next(call), 31415)
        call.cancel()
        expect_code(lambda: next(call), grpc.StatusCode.CANCELLED, "FullDuplexCall")
        requests.end()

    def timeout_on_sleeping_server(self):
        requests = Requests()
        requests.put(self.output_request([], 27182))
        call = self.calls.duplex(iter(requests), timeout=0.001)
        expect_code(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED, "FullDuplexCall")
        requests.end()


def run_case(cases, name):
    """What went wrong, or None."""
    case = getattr(cases, name, None)
    if case is None:
        return f"no case is called {name!r}"
    try:
        case()
        return None
    except grpc.RpcError as error:
        return f"{error.code()}: {error.details()}"
    except AssertionError as error:
        return str(error)
    except Exception as error:  # whatever it is, it fails this case alone
        return f"{type(error).__name__}: {error}"


def run_client(options):
    cases = Cases(options)
    failed = False
    for name in options.cases.split(","):
        why = run_case(cases, name)
        failed = failed or why is not None
        line = {"case": name, "result": "pass" if why is None else "fail", "why": why}
        print(json.dumps(line), flush=True)
    cases.close()
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--descriptors", required=True)
    modes = parser.add_subparsers(dest="mode", required=True)
    server = modes.add_parser("server")
    server.add_argument("--port", type=int, default=0)
    server.add_argument("--cert")
    server.add_argument("--key")
    client = modes.add_parser("client")
    client.add_argument("--port", type=int, required=True)
    client.add_argument("--ca")
    client.add_argument("--cases", required=True)
    options = parser.parse_args()
    if options.mode == "server":
        serve(options)
        return 0
    return run_client(options)


if __name__ == "__main__":
    sys.exit(main())
