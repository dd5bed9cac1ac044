// The client role: one connection, and the loads of bench/src/e2e/loads.ts, each
// with goroutines where the Node sides have callbacks.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"sluice/interop/rawcodec"
)

type client struct {
	connection *grpc.ClientConn
	small      []byte
	payload    []byte
	open       []grpc.ClientStream
}

func startClient(target string) (*client, error) {
	connection, err := grpc.NewClient("passthrough:///"+target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawcodec.Codec{}),
			grpc.MaxCallRecvMsgSize(maxMessage),
			grpc.MaxCallSendMsgSize(maxMessage),
		),
	)
	if err != nil {
		return nil, err
	}
	return &client{connection: connection, small: make([]byte, 16)}, nil
}

func (c *client) handle(what command) (reply, bool, error) {
	var r reply
	var err error
	switch what.Do {
	case "unary":
		r, err = c.unaryLoad(what.InFlight, what.Seconds)
	case "download":
		r, err = c.downloadLoad(what.MessageLength, what.Seconds)
	case "upload":
		r, err = c.uploadLoad(what.MessageLength, what.Seconds)
	case "open":
		err = c.openStreams(what.Streams)
		r = reply{Calls: int64(len(c.open))}
	case "close-streams":
		err = c.closeStreams()
	case "hang":
		for range what.Calls {
			go func() {
				var response []byte
				_ = c.connection.Invoke(context.Background(), hangPath, &c.small, &response)
			}()
		}
	case "allocate":
		c.payload = make([]byte, what.Length)
		for i := range c.payload {
			c.payload[i] = 7
		}
	case "echo":
		started, cpu := time.Now(), cpuUs()
		var response []byte
		err = c.connection.Invoke(context.Background(), unaryPath, &c.payload, &response)
		r = reply{Calls: 1, Bytes: int64(len(response)), Seconds: time.Since(started).Seconds(), CpuUs: cpuUs() - cpu}
	default:
		return r, false, nil
	}
	return r, true, err
}

func (c *client) unaryLoad(inFlight int, seconds float64) (reply, error) {
	var finished atomic.Int64
	var stopping atomic.Bool
	var fault atomic.Value
	var running sync.WaitGroup
	started, cpu := time.Now(), cpuUs()
	for range inFlight {
		running.Go(func() {
			for !stopping.Load() {
				var response []byte
				if err := c.connection.Invoke(context.Background(), unaryPath, &c.small, &response); err != nil {
					fault.Store(err.Error())
					return
				}
				finished.Add(1)
			}
		})
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	r := reply{Calls: finished.Load(), Seconds: time.Since(started).Seconds(), CpuUs: cpuUs() - cpu}
	stopping.Store(true)
	running.Wait()
	if why, ok := fault.Load().(string); ok {
		return r, errors.New(why)
	}
	return r, nil
}

func (c *client) downloadLoad(length int, seconds float64) (reply, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := c.connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, downloadPath)
	if err != nil {
		return reply{}, err
	}
	request := binary.BigEndian.AppendUint32(nil, uint32(length))
	if err := stream.SendMsg(&request); err != nil {
		return reply{}, err
	}
	if err := stream.CloseSend(); err != nil {
		return reply{}, err
	}
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return reply{}, err
	}
	var stopping atomic.Bool
	started, cpu := time.Now(), cpuUs()
	time.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { stopping.Store(true) })
	var messages int64
	for !stopping.Load() {
		if err := stream.RecvMsg(&message); err != nil {
			return reply{}, err
		}
		messages++
	}
	return reply{Calls: messages, Bytes: messages * int64(length), Seconds: time.Since(started).Seconds(), CpuUs: cpuUs() - cpu}, nil
}

func (c *client) uploadLoad(length int, seconds float64) (reply, error) {
	stream, err := c.connection.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true}, uploadPath)
	if err != nil {
		return reply{}, err
	}
	message := make([]byte, length)
	var stopping atomic.Bool
	started, cpu := time.Now(), cpuUs()
	time.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { stopping.Store(true) })
	for !stopping.Load() {
		if err := stream.SendMsg(&message); err != nil {
			return reply{}, err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return reply{}, err
	}
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil {
		return reply{}, err
	}
	received := int64(binary.BigEndian.Uint64(answer))
	return reply{Calls: received / int64(length), Bytes: received, Seconds: time.Since(started).Seconds(), CpuUs: cpuUs() - cpu}, nil
}

func (c *client) openStreams(count int) error {
	for range count {
		stream, err := c.connection.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, bidiPath)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&c.small); err != nil {
			return err
		}
		var response []byte
		if err := stream.RecvMsg(&response); err != nil {
			return err
		}
		c.open = append(c.open, stream)
	}
	return nil
}

func (c *client) closeStreams() error {
	for _, stream := range c.open {
		if err := stream.CloseSend(); err != nil {
			return err
		}
		var response []byte
		if err := stream.RecvMsg(&response); !errors.Is(err, io.EOF) {
			return err
		}
	}
	c.open = nil
	return nil
}
