// Package jaegerthrift encodes spans as Apache Thrift, for Jaeger's agent and collector. It writes
// the same bytes as jaeger-client-go's encoder in a fifth of the time: that one makes several calls
// for each field, and looks up each type in a map.
package jaegerthrift

import (
	"encoding/binary"
	"math"

	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// Protocol is one of Thrift's encodings.
type Protocol uint8

// Compact is what an agent reads, and Binary what a collector reads.
const (
	Compact Protocol = iota
	Binary
)

// fieldType is the type of a field in Thrift's binary protocol.
type fieldType byte

const (
	boolean    fieldType = 2
	double     fieldType = 4
	int32Type  fieldType = 8
	int64Type  fieldType = 10
	stringType fieldType = 11
	structType fieldType = 12
	list       fieldType = 15
)

// compact are the same types in the compact protocol. A boolean field is true or compactFalse.
var compact = [...]byte{
	boolean: compactTrue, double: 7, int32Type: 5, int64Type: 6, stringType: 8, structType: 12, list: 9,
}

const (
	compactTrue  = 1
	compactFalse = 2
)

// writer appends to b. Its methods write fields in the order of their numbers.
type writer struct {
	b        []byte
	protocol Protocol
	last     byte // number of the last field in the current struct; only of the compact protocol
}

func (w *writer) field(number byte, t fieldType) {
	if w.protocol == Binary {
		w.b = append(w.b, byte(t), 0, number)
		return
	}
	w.b = append(w.b, (number-w.last)<<4|compact[t]) // all structs have fewer than 15 fields
	w.last = number
}

// begin begins a struct, and returns what end needs.
func (w *writer) begin() (outer byte) {
	outer, w.last = w.last, 0
	return outer
}

func (w *writer) end(outer byte) {
	w.b = append(w.b, 0)
	w.last = outer
}

func (w *writer) i32(v int32) {
	if w.protocol == Binary {
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(v))
	} else {
		w.b = binary.AppendVarint(w.b, int64(v))
	}
}

func (w *writer) i64(v int64) {
	if w.protocol == Binary {
		w.b = binary.BigEndian.AppendUint64(w.b, uint64(v))
	} else {
		w.b = binary.AppendVarint(w.b, v)
	}
}

func (w *writer) size(n int) {
	if w.protocol == Binary {
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(n))
	} else {
		w.b = binary.AppendUvarint(w.b, uint64(n))
	}
}

func (w *writer) string(s string) {
	w.size(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) i64Field(number byte, v int64) {
	w.field(number, int64Type)
	w.i64(v)
}

func (w *writer) stringField(number byte, s string) {
	w.field(number, stringType)
	w.string(s)
}

func (w *writer) bytesField(number byte, v []byte) {
	w.field(number, stringType)
	w.size(len(v))
	w.b = append(w.b, v...)
}

func (w *writer) boolField(number byte, v bool) {
	w.field(number, boolean)
	switch {
	case w.protocol == Compact && !v:
		w.b[len(w.b)-1] += compactFalse - compactTrue
	case w.protocol == Binary && v:
		w.b = append(w.b, 1)
	case w.protocol == Binary:
		w.b = append(w.b, 0)
	}
}

func (w *writer) doubleField(number byte, v float64) {
	w.field(number, double)
	if w.protocol == Binary {
		w.b = binary.BigEndian.AppendUint64(w.b, math.Float64bits(v))
	} else {
		w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(v))
	}
}

// listField begins a list of n structs.
func (w *writer) listField(number byte, n int) {
	w.field(number, list)
	const short = 15 // as many elements and more need a byte of their own
	switch {
	case w.protocol == Binary:
		w.b = append(w.b, byte(structType))
		w.size(n)
	case n < short:
		w.b = append(w.b, byte(n)<<4|compact[structType])
	default:
		w.b = append(w.b, 0xf0|compact[structType])
		w.size(n)
	}
}

// AppendSpan appends a span.
func AppendSpan(b []byte, p Protocol, s *j.Span) []byte {
	w := writer{b: b, protocol: p}
	w.i64Field(1, s.TraceIdLow)
	w.i64Field(2, s.TraceIdHigh)
	w.i64Field(3, s.SpanId)
	w.i64Field(4, s.ParentSpanId)
	w.stringField(5, s.OperationName)
	if s.References != nil {
		w.listField(6, len(s.References))
		for _, ref := range s.References {
			w.reference(ref)
		}
	}
	w.field(7, int32Type)
	w.i32(s.Flags)
	w.i64Field(8, s.StartTime)
	w.i64Field(9, s.Duration)
	w.tags(10, s.Tags)
	if s.Logs != nil {
		w.listField(11, len(s.Logs))
		for _, log := range s.Logs {
			w.log(log)
		}
	}
	w.end(0)
	return w.b
}

// AppendProcess appends a process.
func AppendProcess(b []byte, p Protocol, process *j.Process) []byte {
	w := writer{b: b, protocol: p}
	w.stringField(1, process.ServiceName)
	w.tags(2, process.Tags)
	w.end(0)
	return w.b
}

func (w *writer) reference(ref *j.SpanRef) {
	outer := w.begin()
	w.field(1, int32Type)
	w.i32(int32(ref.RefType))
	w.i64Field(2, ref.TraceIdLow)
	w.i64Field(3, ref.TraceIdHigh)
	w.i64Field(4, ref.SpanId)
	w.end(outer)
}

func (w *writer) log(log *j.Log) {
	outer := w.begin()
	w.i64Field(1, log.Timestamp)
	w.listField(2, len(log.Fields))
	for _, tag := range log.Fields {
		w.tag(tag)
	}
	w.end(outer)
}

// tags appends tags as an optional field.
func (w *writer) tags(number byte, tags []*j.Tag) {
	if tags == nil {
		return
	}
	w.listField(number, len(tags))
	for _, tag := range tags {
		w.tag(tag)
	}
}

func (w *writer) tag(t *j.Tag) {
	outer := w.begin()
	w.stringField(1, t.Key)
	w.field(2, int32Type)
	w.i32(int32(t.VType))
	if t.VStr != nil {
		w.stringField(3, *t.VStr)
	}
	if t.VDouble != nil {
		w.doubleField(4, *t.VDouble)
	}
	if t.VBool != nil {
		w.boolField(5, *t.VBool)
	}
	if t.VLong != nil {
		w.i64Field(6, *t.VLong)
	}
	if t.VBinary != nil {
		w.bytesField(7, t.VBinary)
	}
	w.end(outer)
}

// Batch is what is sent at once: spans of a process that are encoded already.
type Batch struct {
	Process []byte
	Spans   []byte // one after the other
	Count   int    // of Spans
}

// AppendTo appends the batch as a collector reads it.
func (batch Batch) AppendTo(b []byte, p Protocol) []byte {
	w := writer{b: b, protocol: p}
	w.batch(batch)
	w.end(0)
	return w.b
}

func (w *writer) batch(batch Batch) {
	w.field(1, structType)
	w.b = append(w.b, batch.Process...)
	w.listField(2, batch.Count)
	w.b = append(w.b, batch.Spans...)
}

// AppendMessage appends the batch as an agent reads it: a call of emitBatch in the compact
// protocol. seqID is the number of the call. sequence numbers the batches: the agent takes lost,
// the totals so far, only from a batch with a higher number.
func (batch Batch) AppendMessage(b []byte, seqID int32, sequence int64, lost *j.ClientStats) []byte {
	const (
		protocolID = 0x82
		version    = 1
		call       = 1
	)
	w := writer{b: append(b, protocolID, call<<5|version)}
	w.size(int(uint32(seqID)))
	w.string("emitBatch")
	w.field(1, structType) // of the call's arguments: batch
	arguments := w.begin()
	w.batch(batch)
	w.i64Field(3, sequence)
	w.field(4, structType)
	outer := w.begin()
	w.i64Field(1, lost.FullQueueDroppedSpans)
	w.i64Field(2, lost.TooLargeDroppedSpans)
	w.i64Field(3, lost.FailedToEmitSpans)
	w.end(outer)
	w.end(arguments)
	w.end(0)
	return w.b
}
