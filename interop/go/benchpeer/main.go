// The grpc-go side of the benchmarks: a server or a client that is driven by
// one JSON command per line on stdin and answers one JSON line on stdout, the
// protocol of bench/src/e2e/protocol.ts. It ends when stdin does, so it never
// outlives the run. Messages are raw bytes on both ends (codec.go).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"google.golang.org/grpc"
)

const (
	unaryPath    = "/bench.Bench/Unary"
	hangPath     = "/bench.Bench/Hang"
	downloadPath = "/bench.Bench/Download"
	uploadPath   = "/bench.Bench/Upload"
	bidiPath     = "/bench.Bench/Bidi"
)

// Larger than any benchmark's message, as on every other side.
const maxMessage = 256 << 20

type command struct {
	Do            string  `json:"do"`
	InFlight      int     `json:"inFlight"`
	Seconds       float64 `json:"seconds"`
	MessageLength int     `json:"messageLength"`
	Streams       int     `json:"streams"`
	Calls         int     `json:"calls"`
	Length        int     `json:"length"`
}

type reply struct {
	Error   string  `json:"error,omitempty"`
	Version string  `json:"version,omitempty"`
	Port    int     `json:"port,omitempty"`
	Calls   int64   `json:"calls"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	CpuUs   int64   `json:"cpuUs"`
	Value   int64   `json:"value"`
	Rss     int64   `json:"rss"`
}

type peer interface {
	// handle serves the commands of one role; false when it does not know one.
	handle(c command) (reply, bool, error)
}

func main() {
	if len(os.Args) < 2 {
		fail("usage: benchpeer server | benchpeer client PORT")
	}
	out := json.NewEncoder(os.Stdout)
	version := fmt.Sprintf("%s (%s, GOMAXPROCS=%d)", grpc.Version, runtime.Version(), runtime.GOMAXPROCS(0))
	var p peer
	switch {
	case os.Args[1] == "server":
		s, port, err := startServer()
		if err != nil {
			fail(err.Error())
		}
		p = s
		_ = out.Encode(reply{Version: version, Port: port})
	case os.Args[1] == "client" && len(os.Args) > 2:
		c, err := startClient("127.0.0.1:" + os.Args[2])
		if err != nil {
			fail(err.Error())
		}
		p = c
		_ = out.Encode(reply{Version: version})
	default:
		fail("usage: benchpeer server | benchpeer client PORT")
	}

	commands := make(chan command)
	go readCommands(commands)
	for c := range commands {
		r, known, err := p.handle(c)
		if !known {
			r, known = measure(c.Do)
		}
		if err != nil {
			r.Error = err.Error()
		} else if !known {
			r.Error = "unknown command " + c.Do
		}
		_ = out.Encode(r)
	}
}

// readCommands ends the process with stdin, even in the middle of a load.
func readCommands(commands chan<- command) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fail(err.Error())
		}
		commands <- c
	}
	os.Exit(0)
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "benchpeer:", why)
	os.Exit(2)
}
