// A codec that moves bytes and nothing else, so that no serializer decides the
// figures. A message is a *[]byte. Sending borrows the caller's slice; receiving
// copies once into a slice of exact size, as every codec that keeps bytes must.
package main

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("raw codec: cannot send a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*message)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("raw codec: cannot receive a %T", v)
	}
	*message = data.Materialize()
	return nil
}

func (rawCodec) Name() string { return "raw" }
