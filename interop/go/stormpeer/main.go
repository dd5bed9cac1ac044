// The grpc-go client of the storm's matrix, driven by the messages of
// packages/cli/src/storm/protocol.ts: one JSON command a line on stdin, one JSON
// answer a line on stdout, samples in between. It ends when stdin does. Nothing
// here limits what it holds, except that it ends itself past a resident size, as
// a heap cap ends a Node client.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	sampleEvery = 100 * time.Millisecond
	// RSS_CAP_MB of packages/cli/src/storm/matrix-cells.ts.
	rssCap = 600_000_000
)

type command struct {
	Ask          string  `json:"ask"`
	Port         int     `json:"port"`
	PayloadBytes int     `json:"payloadBytes"`
	Streams      int     `json:"streams"`
	Pid          *int    `json:"pid"`
	Seconds      float64 `json:"seconds"`
	InFlight     int     `json:"inFlight"`
	Rate         float64 `json:"rate"`
	TimeoutMs    float64 `json:"timeoutMs"`
}

type done struct {
	PeakRps     float64 `json:"peakRps,omitempty"`
	LoadSeconds float64 `json:"loadSeconds,omitempty"`
	Offered     int64   `json:"offered,omitempty"`
	Ok          int64   `json:"ok,omitempty"`
	MaxRss      int64   `json:"maxRss,omitempty"`
	Sample      *sample `json:"sample,omitempty"`
}

type message struct {
	Tell   string  `json:"tell"`
	Sample *sample `json:"sample,omitempty"`
	Done   *done   `json:"done,omitempty"`
	Why    string  `json:"why,omitempty"`
}

var (
	out     = json.NewEncoder(os.Stdout)
	outLock sync.Mutex
)

func tell(m message) {
	outLock.Lock()
	defer outLock.Unlock()
	_ = out.Encode(m)
}

func main() {
	signal.Ignore(os.Interrupt)
	commands := make(chan command)
	go readCommands(commands)
	var c *client
	for what := range commands {
		var d done
		var err error
		if what.Ask == "connect" {
			c, err = startClient(what)
			if err == nil {
				go sampleForever(c)
			}
		} else if c == nil {
			err = fmt.Errorf("%s before connect", what.Ask)
		} else {
			d, err = c.handle(what)
		}
		if err != nil {
			tell(message{Tell: "failed", Why: err.Error()})
		} else {
			tell(message{Tell: "done", Done: &d})
		}
	}
}

var guardedPid int

func readCommands(commands chan<- command) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			break
		}
		commands <- c
	}
	// A stopped server cannot see that the parent is gone.
	if guardedPid > 0 {
		_ = syscall.Kill(guardedPid, syscall.SIGCONT)
	}
	os.Exit(0)
}

func sampleForever(c *client) {
	for range time.Tick(sampleEvery) {
		s := c.sample()
		tell(message{Tell: "sample", Sample: s})
		if s.Rss > rssCap {
			fmt.Fprintf(os.Stderr, "ended at %d MB, the storm's cap\n", s.Rss/1_000_000)
			os.Exit(1)
		}
	}
}
