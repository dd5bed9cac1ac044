package main

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

const (
	largeRequest  = 271828
	largeResponse = 314159
)

func dial(o options) (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if o.ca != "" {
		trusted, err := credentials.NewClientTLSFromFile(o.ca, "")
		if err != nil {
			return nil, err
		}
		creds = trusted
	}
	return grpc.NewClient(
		fmt.Sprintf("127.0.0.1:%d", o.port),
		grpc.WithTransportCredentials(creds),
		grpc.WithStatsHandler(payloadWatch{}),
	)
}

// runCase runs one case. Those of grpc-go's own interop package end the process when they fail.
func runCase(o options, name string) error {
	conn, err := dial(o)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	client := pb.NewTestServiceClient(conn)
	switch name {
	case "empty_unary":
		interop.DoEmptyUnaryCall(ctx, client)
	case "large_unary":
		interop.DoLargeUnaryCall(ctx, client)
	case "client_compressed_unary":
		return clientCompressedUnary(ctx, client)
	case "server_compressed_unary":
		return serverCompressedUnary(ctx, client)
	case "client_streaming":
		interop.DoClientStreaming(ctx, client)
	case "client_compressed_streaming":
		return clientCompressedStreaming(ctx, client)
	case "server_streaming":
		interop.DoServerStreaming(ctx, client)
	case "server_compressed_streaming":
		return serverCompressedStreaming(ctx, client)
	case "ping_pong":
		interop.DoPingPong(ctx, client)
	case "empty_stream":
		interop.DoEmptyStream(ctx, client)
	case "custom_metadata":
		interop.DoCustomMetadata(ctx, client)
	case "status_code_and_message":
		interop.DoStatusCodeAndMessage(ctx, client)
	case "special_status_message":
		interop.DoSpecialStatusMessage(ctx, client)
	case "unimplemented_method":
		interop.DoUnimplementedMethod(ctx, conn)
	case "unimplemented_service":
		interop.DoUnimplementedService(ctx, pb.NewUnimplementedServiceClient(conn))
	case "cancel_after_begin":
		interop.DoCancelAfterBegin(ctx, client)
	case "cancel_after_first_response":
		interop.DoCancelAfterFirstResponse(ctx, client)
	case "timeout_on_sleeping_server":
		interop.DoTimeoutOnSleepingServer(ctx, client)
	case "reflection_list":
		return listServices(ctx, conn)
	default:
		return fmt.Errorf("no case is called %q", name)
	}
	return nil
}

func zeros(size int) *pb.Payload {
	return &pb.Payload{Body: make([]byte, size)}
}

func expectSize(what string, payload *pb.Payload, size int) error {
	if got := len(payload.GetBody()); got != size {
		return fmt.Errorf("%s: the payload has %d bytes, not %d", what, got, size)
	}
	return nil
}

func expectCode(what string, err error, code codes.Code) error {
	if got := status.Code(err); got != code {
		return fmt.Errorf("%s: ended with %v (%v), not %v", what, got, err, code)
	}
	return nil
}

func clientCompressedUnary(ctx context.Context, client pb.TestServiceClient) error {
	request := func(expected bool) *pb.SimpleRequest {
		return &pb.SimpleRequest{
			ResponseSize:     largeResponse,
			Payload:          zeros(largeRequest),
			ExpectCompressed: &pb.BoolValue{Value: expected},
		}
	}
	_, err := client.UnaryCall(ctx, request(true))
	if err := expectCode("the probe", err, codes.InvalidArgument); err != nil {
		return err
	}
	reply, err := client.UnaryCall(ctx, request(true), grpc.UseCompressor(gzip.Name))
	if err != nil {
		return fmt.Errorf("compressed: %w", err)
	}
	if err := expectSize("compressed", reply.Payload, largeResponse); err != nil {
		return err
	}
	reply, err = client.UnaryCall(ctx, request(false))
	if err != nil {
		return fmt.Errorf("uncompressed: %w", err)
	}
	return expectSize("uncompressed", reply.Payload, largeResponse)
}

func expectCompressed(what string, record *callRecord, expected bool) error {
	if record.compressed != expected {
		return fmt.Errorf("%s: the response came with compressed = %v", what, record.compressed)
	}
	return nil
}

func serverCompressedUnary(ctx context.Context, client pb.TestServiceClient) error {
	for _, compressed := range []bool{true, false} {
		what := fmt.Sprintf("response_compressed %v", compressed)
		watched, record := withRecord(ctx)
		reply, err := client.UnaryCall(watched, &pb.SimpleRequest{
			ResponseSize:       largeResponse,
			Payload:            zeros(largeRequest),
			ResponseCompressed: &pb.BoolValue{Value: compressed},
		})
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := expectSize(what, reply.Payload, largeResponse); err != nil {
			return err
		}
		if err := expectCompressed(what, record, compressed); err != nil {
			return err
		}
	}
	return nil
}

func clientCompressedStreaming(ctx context.Context, client pb.TestServiceClient) error {
	request := func(size int, expected bool) *pb.StreamingInputCallRequest {
		return &pb.StreamingInputCallRequest{
			Payload:          zeros(size),
			ExpectCompressed: &pb.BoolValue{Value: expected},
		}
	}
	probe, err := client.StreamingInputCall(ctx)
	if err != nil {
		return fmt.Errorf("the probe: %w", err)
	}
	if err := probe.Send(request(27182, true)); err != nil && err != io.EOF {
		return fmt.Errorf("the probe: %w", err)
	}
	_, err = probe.CloseAndRecv()
	if err := expectCode("the probe", err, codes.InvalidArgument); err != nil {
		return err
	}
	stream, err := client.StreamingInputCall(ctx, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	if err := stream.Send(request(27182, true)); err != nil {
		return fmt.Errorf("compressed: %w", err)
	}
	// grpc-go compresses all messages of a stream or none, except prepared ones: those are encoded
	// as the stream they were prepared for has it, and the probe's has no compression.
	plain := &grpc.PreparedMsg{}
	if err := plain.Encode(probe, request(45904, false)); err != nil {
		return err
	}
	if err := stream.SendMsg(plain); err != nil {
		return fmt.Errorf("uncompressed: %w", err)
	}
	reply, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	if reply.AggregatedPayloadSize != 73086 {
		return fmt.Errorf("the sum of the payloads is %d, not 73086", reply.AggregatedPayloadSize)
	}
	return nil
}

func serverCompressedStreaming(ctx context.Context, client pb.TestServiceClient) error {
	expected := []struct {
		size       int
		compressed bool
	}{{31415, true}, {92653, false}}
	request := &pb.StreamingOutputCallRequest{}
	for _, one := range expected {
		request.ResponseParameters = append(request.ResponseParameters, &pb.ResponseParameters{
			Size:       int32(one.size),
			Compressed: &pb.BoolValue{Value: one.compressed},
		})
	}
	ctx, record := withRecord(ctx)
	stream, err := client.StreamingOutputCall(ctx, request)
	if err != nil {
		return err
	}
	for i, one := range expected {
		what := fmt.Sprintf("response %d", i+1)
		reply, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := expectSize(what, reply.Payload, one.size); err != nil {
			return err
		}
		if err := expectCompressed(what, record, one.compressed); err != nil {
			return err
		}
	}
	if _, err := stream.Recv(); err != io.EOF {
		return fmt.Errorf("a third response, or an error: %v", err)
	}
	return nil
}
