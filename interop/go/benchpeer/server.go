// The server role: five methods, no stream limit (grpc-go's default), so that no
// waiting line at the server is measured by mistake.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"sluice/interop/rawcodec"
)

type server struct {
	hung atomic.Int64
}

func startServer() (*server, int, error) {
	s := &server{}
	grpcServer := grpc.NewServer(
		grpc.ForceServerCodecV2(rawcodec.Codec{}),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
	)
	grpcServer.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Bench",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Unary", Handler: unary},
			{MethodName: "Hang", Handler: hang},
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Download", Handler: download, ServerStreams: true},
			{StreamName: "Upload", Handler: upload, ClientStreams: true},
			{StreamName: "Bidi", Handler: bidi, ServerStreams: true, ClientStreams: true},
		},
	}, s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	go func() {
		if err := grpcServer.Serve(listener); err != nil {
			fail(err.Error())
		}
	}()
	return s, listener.Addr().(*net.TCPAddr).Port, nil
}

func (s *server) handle(c command) (reply, bool, error) {
	if c.Do == "received" {
		return reply{Value: s.hung.Load()}, true, nil
	}
	return reply{}, false, nil
}

func unary(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var message []byte
	if err := decode(&message); err != nil {
		return nil, err
	}
	return &message, nil
}

func hang(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var message []byte
	if err := decode(&message); err != nil {
		return nil, err
	}
	srv.(*server).hung.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

// The request names the length of the messages, as 4 bytes; it sends until cancelled.
func download(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	message := make([]byte, binary.BigEndian.Uint32(request))
	for {
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

// Answers the number of bytes that arrived, as 8 bytes.
func upload(_ any, stream grpc.ServerStream) error {
	var received uint64
	for {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		received += uint64(len(message))
	}
	answer := binary.BigEndian.AppendUint64(nil, received)
	return stream.SendMsg(&answer)
}

func bidi(_ any, stream grpc.ServerStream) error {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}
