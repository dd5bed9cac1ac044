// What one process uses: CPU from rusage, live memory after two collections,
// peak resident memory from the kernel's high-water mark. The same three figures
// as bench/src/e2e/usage.ts takes on the Node sides.
package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

func cpuUs() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return (usage.Utime.Sec+usage.Stime.Sec)*1e6 + int64(usage.Utime.Usec) + int64(usage.Stime.Usec)
}

// Goroutine stacks are where grpc-go keeps much of a stream, so they count.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
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

var baselineRss int64

func measure(what string) (reply, bool) {
	switch what {
	case "cpu":
		return reply{Value: cpuUs()}, true
	case "live":
		return reply{Value: liveBytes(), Rss: statusBytes("VmRSS")}, true
	case "watch-peak":
		liveBytes()
		// 5 resets VmHWM to the present VmRSS (proc(5)).
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
			return reply{Error: err.Error()}, true
		}
		baselineRss = statusBytes("VmRSS")
		return reply{Value: baselineRss}, true
	case "peak":
		return reply{Value: statusBytes("VmHWM") - baselineRss}, true
	}
	return reply{}, false
}
