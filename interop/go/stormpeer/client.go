// The loads: unary calls, each in a goroutine of its own as a server that calls on
// behalf of its requests would make them, and streams that are fed by one clock,
// where a message for which no stream is free is held back.
package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"sluice/interop/rawcodec"
)

const (
	unaryPath  = "/sluice.storm.Storm/Call"
	streamPath = "/sluice.storm.Storm/Stream"
	// Calls a second beside the streams, as stream-load.ts makes them.
	besideRps = 100
	tick      = time.Millisecond
)

// lane is one stream; sent holds when its unanswered messages were sent.
type lane struct {
	stream grpc.ClientStream
	lock   sync.Mutex
	sent   []time.Time
}

type client struct {
	connection *grpc.ClientConn
	payload    []byte
	started    time.Time
	calls      counts
	messages   counts
	lanes      []*lane
	tokens     chan time.Time
	openLanes  atomic.Int64
	timing     atomic.Bool
	replaces   atomic.Bool
	maxRss     int64
}

func startClient(what command) (*client, error) {
	connection, err := grpc.NewClient(fmt.Sprintf("passthrough:///127.0.0.1:%d", what.Port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawcodec.Codec{})))
	if err != nil {
		return nil, err
	}
	c := &client{connection: connection, payload: make([]byte, what.PayloadBytes), started: time.Now()}
	for range what.Streams {
		stream, err := connection.NewStream(context.Background(),
			&grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamPath)
		if err != nil {
			return nil, err
		}
		c.lanes = append(c.lanes, &lane{stream: stream})
	}
	c.tokens = make(chan time.Time, what.Streams)
	c.openLanes.Store(int64(what.Streams))
	for _, l := range c.lanes {
		go c.send(l)
		go c.receive(l)
	}
	return c, nil
}

func (c *client) handle(what command) (done, error) {
	switch what.Ask {
	case "guard":
		guardedPid = 0
		if what.Pid != nil {
			guardedPid = *what.Pid
		}
		return done{}, nil
	case "closed-loop":
		return c.closedLoop(what.InFlight, what.Seconds), nil
	case "open-loop":
		return c.openLoop(what.Rate, what.Seconds, what.TimeoutMs), nil
	case "drain":
		end := time.Now().Add(seconds(what.Seconds))
		for c.calls.inFlight()+c.messages.inFlight() > 0 && time.Now().Before(end) {
			time.Sleep(10 * tick)
		}
	case "end-streams":
		c.endStreams(what.Seconds)
	case "settle":
		collect()
	case "reset":
		c.calls, c.messages = counts{}, counts{}
		return done{}, nil
	default:
		return done{}, fmt.Errorf("unknown command %s", what.Ask)
	}
	return done{MaxRss: c.raisedMaxRss(), Sample: c.sample()}, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// raisedMaxRss is the highest RSS the kernel saw if it rose, 0 otherwise.
func (c *client) raisedMaxRss() int64 {
	now := statusBytes("VmHWM")
	if now <= c.maxRss {
		return 0
	}
	c.maxRss = now
	return now
}

func (c *client) call(timeoutMs float64) {
	ctx, cancel := context.Background(), func() {}
	if timeoutMs > 0 {
		ctx, cancel = context.WithTimeout(ctx, seconds(timeoutMs/1000))
	}
	defer cancel()
	started := time.Now()
	var response []byte
	err := c.connection.Invoke(ctx, unaryPath, &c.payload, &response)
	if err == nil {
		c.calls.latencies.record(time.Since(started))
		c.calls.end(0, "")
		return
	}
	s := status.Convert(err)
	c.calls.end(int(s.Code()), s.Message())
}

func (c *client) send(l *lane) {
	for now := range c.tokens {
		l.lock.Lock()
		l.sent = append(l.sent, now)
		l.lock.Unlock()
		if l.stream.SendMsg(&c.payload) != nil {
			return
		}
	}
	_ = l.stream.CloseSend()
}

func (c *client) receive(l *lane) {
	for {
		var answer []byte
		err := l.stream.RecvMsg(&answer)
		if err != nil {
			s := status.Convert(err)
			code := int(s.Code())
			if err == io.EOF {
				code = 0
			}
			l.lock.Lock()
			for range l.sent {
				if code != 0 {
					c.messages.end(code, s.Message())
				}
			}
			l.lock.Unlock()
			c.openLanes.Add(-1)
			return
		}
		l.lock.Lock()
		sent := l.sent[0]
		l.sent = l.sent[1:]
		l.lock.Unlock()
		if c.timing.Load() {
			c.messages.latencies.record(time.Since(sent))
		}
		c.messages.end(0, "")
		if c.replaces.Load() {
			c.messages.offered.Add(1)
			c.tokens <- time.Now()
		}
	}
}

func (c *client) endStreams(most float64) {
	if len(c.lanes) == 0 {
		return
	}
	close(c.tokens)
	end := time.Now().Add(seconds(most))
	for c.openLanes.Load() > 0 && time.Now().Before(end) {
		time.Sleep(10 * tick)
	}
}

func (c *client) closedLoop(inFlight int, length float64) done {
	main := &c.calls
	var stopping atomic.Bool
	if len(c.lanes) > 0 {
		main = &c.messages
		c.replaces.Store(true)
		main.offered.Add(int64(inFlight))
		for range inFlight {
			c.tokens <- time.Now()
		}
	} else {
		for range inFlight {
			go func() {
				for !stopping.Load() {
					c.calls.offered.Add(1)
					c.call(0)
				}
			}()
		}
	}
	time.Sleep(seconds(length / 2))
	half, halfOk := time.Now(), main.ok.Load()
	time.Sleep(seconds(length / 2))
	mean := float64(main.ok.Load()-halfOk) / time.Since(half).Seconds()
	stopping.Store(true)
	c.replaces.Store(false)
	return done{PeakRps: mean}
}

// openLoop offers by the clock: what a stall held back stays due.
func (c *client) openLoop(rate, length, timeoutMs float64) done {
	main := &c.calls
	if len(c.lanes) > 0 {
		main = &c.messages
	}
	fromOffered, fromOk := main.offered.Load(), main.ok.Load()
	c.timing.Store(true)
	started := time.Now()
	var issued, besides int64
	for {
		now := time.Since(started).Seconds()
		if now >= length {
			break
		}
		if len(c.lanes) > 0 {
			for ; besides < int64(now*besideRps); besides++ {
				c.calls.offered.Add(1)
				go c.call(timeoutMs)
			}
		}
		for due := int64(now * rate); issued < due; issued++ {
			main.offered.Add(1)
			if len(c.lanes) == 0 {
				go c.call(timeoutMs)
				continue
			}
			select {
			case c.tokens <- time.Now():
			default:
				main.heldBack.Add(1)
			}
		}
		time.Sleep(tick)
	}
	c.timing.Store(false)
	return done{
		LoadSeconds: time.Since(started).Seconds(),
		Offered:     main.offered.Load() - fromOffered,
		Ok:          main.ok.Load() - fromOk,
		MaxRss:      c.raisedMaxRss(),
		Sample:      c.sample(),
	}
}
