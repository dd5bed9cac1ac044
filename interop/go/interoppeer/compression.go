package main

import (
	"context"

	"google.golang.org/grpc/stats"
)

// callRecord is what the statistics say of a call that its API does not: whether the message that
// came last was compressed.
type callRecord struct {
	compressed bool
}

type recordKey struct{}

func withRecord(ctx context.Context) (context.Context, *callRecord) {
	record := &callRecord{}
	return context.WithValue(ctx, recordKey{}, record), record
}

func recordOf(ctx context.Context) *callRecord {
	record, _ := ctx.Value(recordKey{}).(*callRecord)
	return record
}

// payloadWatch fills callRecords. It hears of a message before the message is handed over, in the
// same goroutine.
type payloadWatch struct{}

func (payloadWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if recordOf(ctx) != nil {
		return ctx
	}
	ctx, _ = withRecord(ctx)
	return ctx
}

// The payloads of the compression cases are thousands of zeros: compressed, they are never as long.
func (payloadWatch) HandleRPC(ctx context.Context, event stats.RPCStats) {
	record := recordOf(ctx)
	if payload, ok := event.(*stats.InPayload); ok && record != nil {
		record.compressed = payload.CompressedLength != payload.Length
	}
}

func (payloadWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (payloadWatch) HandleConn(context.Context, stats.ConnStats) {}
