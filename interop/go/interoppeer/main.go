// grpc-go as a peer of the interop cases.
//
//	interoppeer server --port 0 [--cert FILE --key FILE]
//	interoppeer client --port N [--ca FILE] --cases a,b,c
//	interoppeer case   --port N [--ca FILE] --cases a
//
// The server says {"port":N} and ends with its stdin. The client says one JSON line per case; each
// runs in a process of its own (`case`), because grpc-go's own cases end theirs when they fail.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// caseTimeout is what one case may take.
const caseTimeout = 20 * time.Second

type options struct {
	port          int
	cert, key, ca string
	cases         string
}

type outcome struct {
	Case   string  `json:"case"`
	Result string  `json:"result"`
	Why    *string `json:"why"`
}

func readOptions(arguments []string) options {
	var o options
	flags := flag.NewFlagSet("interoppeer", flag.ExitOnError)
	flags.IntVar(&o.port, "port", 0, "where the server listens")
	flags.StringVar(&o.cert, "cert", "", "the server's certificate; TLS when given")
	flags.StringVar(&o.key, "key", "", "its key")
	flags.StringVar(&o.ca, "ca", "", "what the client trusts; TLS when given")
	flags.StringVar(&o.cases, "cases", "", "names, with commas between them")
	_ = flags.Parse(arguments) // ends the process when it fails
	return o
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("server, client or case?"))
	}
	o := readOptions(os.Args[2:])
	switch os.Args[1] {
	case "server":
		serve(o)
	case "client":
		runCases(o)
	case "case":
		if err := runCase(o, o.cases); err != nil {
			fail(err)
		}
	default:
		fail(fmt.Errorf("no mode is called %q", os.Args[1]))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serve(o options) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		fail(err)
	}
	server, err := newServer(o)
	if err != nil {
		fail(err)
	}
	go func() {
		if err := server.Serve(listener); err != nil {
			fail(err)
		}
	}()
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// runCases says what became of each case as soon as it is known.
func runCases(o options) {
	out := json.NewEncoder(os.Stdout)
	failed := false
	for _, name := range strings.Split(o.cases, ",") {
		why := runApart(o, name)
		failed = failed || why != nil
		result := "pass"
		if why != nil {
			result = "fail"
		}
		if err := out.Encode(outcome{Case: name, Result: result, Why: why}); err != nil {
			fail(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func runApart(o options, name string) *string {
	arguments := []string{"case", "--port", fmt.Sprint(o.port), "--ca", o.ca, "--cases", name}
	command := exec.Command(os.Args[0], arguments...)
	var said bytes.Buffer
	command.Stderr = &said
	timer := time.AfterFunc(caseTimeout, func() { _ = command.Process.Kill() })
	err := command.Run()
	if err == nil {
		timer.Stop()
		return nil
	}
	why := strings.TrimSpace(said.String())
	if why == "" {
		why = err.Error()
	}
	if !timer.Stop() {
		why = fmt.Sprintf("did not end within %v: %s", caseTimeout, why)
	}
	return &why
}
