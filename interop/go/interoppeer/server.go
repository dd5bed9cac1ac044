package main

import (
	"context"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// testServer is grpc-go's own test server with what that one lacks: the compression that requests
// ask for and expect.
type testServer struct {
	pb.TestServiceServer
}

func newServer(o options) (*grpc.Server, error) {
	with := []grpc.ServerOption{grpc.StatsHandler(payloadWatch{})}
	if o.cert != "" {
		creds, err := credentials.NewServerTLSFromFile(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		with = append(with, grpc.Creds(creds))
	}
	server := grpc.NewServer(with...)
	pb.RegisterTestServiceServer(server, &testServer{interop.NewTestServer()})
	reflection.Register(server)
	return server, nil
}

// checkRequest judges whether a request came as it says it should have.
func checkRequest(ctx context.Context, expected *pb.BoolValue) error {
	if expected == nil || expected.Value == recordOf(ctx).compressed {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "the request should have come with compressed = %v", expected.Value)
}

func (s *testServer) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if err := checkRequest(ctx, in.ExpectCompressed); err != nil {
		return nil, err
	}
	if in.ResponseCompressed != nil {
		name := "identity"
		if in.ResponseCompressed.Value {
			name = gzip.Name
		}
		if err := grpc.SetSendCompressor(ctx, name); err != nil {
			return nil, err
		}
	}
	return s.TestServiceServer.UnaryCall(ctx, in)
}

func (s *testServer) StreamingInputCall(stream pb.TestService_StreamingInputCallServer) error {
	sum := 0
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		if err := checkRequest(stream.Context(), in.ExpectCompressed); err != nil {
			return err
		}
		sum += len(in.GetPayload().GetBody())
	}
}

func (s *testServer) StreamingOutputCall(in *pb.StreamingOutputCallRequest, stream pb.TestService_StreamingOutputCallServer) error {
	compresses := false
	for _, one := range in.ResponseParameters {
		compresses = compresses || one.GetCompressed().GetValue()
	}
	if !compresses {
		return s.TestServiceServer.StreamingOutputCall(in, stream)
	}
	if err := grpc.SetSendCompressor(stream.Context(), gzip.Name); err != nil {
		return err
	}
	for _, one := range in.ResponseParameters {
		reply := &pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, one.Size)}}
		var message any = reply
		if !one.GetCompressed().GetValue() {
			// A prepared message is encoded as the stream's context says, and that was made from a
			// request without compression.
			plain := &grpc.PreparedMsg{}
			if err := plain.Encode(stream, reply); err != nil {
				return err
			}
			message = plain
		}
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
	return nil
}
