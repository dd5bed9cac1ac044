// What is counted of calls and messages, and the sample made of it. Latencies go
// into logarithmic buckets of a fixed number, so that counting holds no memory.
package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	statusCount      = 17
	bucketsPerOctave = 32
	bucketCount      = bucketsPerOctave * 30
)

type histogram struct {
	buckets [bucketCount]atomic.Int64
}

func (h *histogram) record(took time.Duration) {
	us := float64(took) / float64(time.Microsecond)
	bucket := 0
	if us > 1 {
		bucket = min(int(math.Log2(us)*bucketsPerOctave), bucketCount-1)
	}
	h.buckets[bucket].Add(1)
}

func (h *histogram) quantileMs(q float64) float64 {
	var total int64
	for i := range h.buckets {
		total += h.buckets[i].Load()
	}
	if total == 0 {
		return 0
	}
	rank := max(1, int64(math.Ceil(q*float64(total))))
	var seen int64
	for i := range h.buckets {
		seen += h.buckets[i].Load()
		if seen >= rank {
			return math.Exp2((float64(i)+0.5)/bucketsPerOctave) / 1000
		}
	}
	return 0
}

// counts of calls, or of messages.
type counts struct {
	offered, heldBack, finished, ok, refused atomic.Int64
	statuses                                 [statusCount]atomic.Int64
	latencies                                histogram
	lock                                     sync.Mutex
	details                                  [statusCount]string
}

func (c *counts) inFlight() int64 {
	return c.offered.Load() - c.heldBack.Load() - c.refused.Load() - c.finished.Load()
}

func (c *counts) end(code int, details string) {
	if code < 0 || code >= statusCount {
		code = 2
	}
	if c.statuses[code].Add(1) == 1 {
		c.lock.Lock()
		c.details[code] = details
		c.lock.Unlock()
	}
	switch code {
	case 0:
		c.ok.Add(1)
		c.finished.Add(1)
	case 8:
		c.refused.Add(1)
	default:
		c.finished.Add(1)
	}
}

type beside struct {
	Offered int64 `json:"offered"`
	Ok      int64 `json:"ok"`
	Refused int64 `json:"refused"`
	Failed  int64 `json:"failed"`
}

// sample has the fields of `Sample` in packages/cli/src/storm/protocol.ts; Go
// shows no depths of its queues.
type sample struct {
	Offered      int64            `json:"offered"`
	HeldBack     int64            `json:"heldBack"`
	Finished     int64            `json:"finished"`
	Ok           int64            `json:"ok"`
	Refused      int64            `json:"refused"`
	RefusedBy    map[string]int64 `json:"refusedBy"`
	Statuses     []int64          `json:"statuses"`
	FirstDetails []string         `json:"firstDetails"`
	P50Ms        float64          `json:"p50Ms"`
	P99Ms        float64          `json:"p99Ms"`
	MessageP50Ms *float64         `json:"messageP50Ms"`
	MessageP99Ms *float64         `json:"messageP99Ms"`
	Beside       *beside          `json:"beside"`
	AtMs         float64          `json:"atMs"`
	Rss          int64            `json:"rss"`
	HeapUsed     int64            `json:"heapUsed"`
	External     int64            `json:"external"`
	QueueItems   *int64           `json:"queueItems"`
	QueueBytes   *int64           `json:"queueBytes"`
	SocketBytes  *int64           `json:"socketBytes"`
	OpenStreams  *int64           `json:"openStreams"`
	WaitingCalls *int64           `json:"waitingCalls"`
}

func (c *client) sample() *sample {
	main := &c.calls
	if len(c.lanes) > 0 {
		main = &c.messages
	}
	s := &sample{
		Offered: main.offered.Load(), HeldBack: main.heldBack.Load(),
		Finished: main.finished.Load(), Ok: main.ok.Load(), Refused: main.refused.Load(),
		RefusedBy: map[string]int64{}, Statuses: make([]int64, statusCount),
		P50Ms: c.calls.latencies.quantileMs(0.5), P99Ms: c.calls.latencies.quantileMs(0.99),
		AtMs: float64(time.Since(c.started)) / float64(time.Millisecond),
		Rss:  statusBytes("VmRSS"),
	}
	if s.Refused > 0 {
		s.RefusedBy["unnamed"] = s.Refused
	}
	for code := range s.Statuses {
		s.Statuses[code] = main.statuses[code].Load()
	}
	main.lock.Lock()
	s.FirstDetails = append([]string{}, main.details[:]...)
	main.lock.Unlock()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.HeapUsed = int64(memory.HeapAlloc + memory.StackInuse)
	if len(c.lanes) > 0 {
		p50, p99 := c.messages.latencies.quantileMs(0.5), c.messages.latencies.quantileMs(0.99)
		s.MessageP50Ms, s.MessageP99Ms = &p50, &p99
		offered, ok, refused := c.calls.offered.Load(), c.calls.ok.Load(), c.calls.refused.Load()
		s.Beside = &beside{offered, ok, refused, c.calls.finished.Load() - ok}
	}
	return s
}

// collect frees what can be freed, as two forced collections do in Node.
func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}

func statusBytes(field string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes * 1024
		}
	}
	return 0
}
