// A codec that moves bytes and nothing else, so that no serializer decides the
// figures. A message is a *[]byte. Sending borrows the caller's slice; receiving
// copies once into a slice of exact size, as every codec that keeps bytes must.
package rawcodec

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// Codec is the codec; its zero value is ready for use.
type Codec struct{}

func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("raw codec: cannot send a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*message)}, nil
}

func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("raw codec: cannot receive a %T", v)
	}
	*message = data.Materialize()
	return nil
}

func (Codec) Name() string { return "raw" }
