package jaegerjson

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Write writes traces as a Jaeger query service does. Jaeger's UI and [Read] can read the output.
// Each element of traces is the spans of one trace. A [Writer] writes them one after the other.
func Write(w io.Writer, traces ...[]gap.Span) error {
	out := NewWriter(w)
	for _, spans := range traces {
		if err := out.Write(spans); err != nil {
			return err
		}
	}
	return out.Close()
}

// Writer writes traces as a Jaeger query service does, without keeping any.
//
// Jaeger's times are in microseconds. A Writer rounds the start and the end of each span down, so
// that spans that touch or contain each other still do. A value that is not of a type that
// [gap.Field] allows is written as a string. Spans that share a pointer to a Process share its
// entry in the output.
type Writer struct {
	buffer *bufio.Writer // its errors stay until Flush
	encode *json.Encoder // to buffer; ends each span with a new line
	before string        // what comes before the next trace
}

// NewWriter returns a Writer to w. It writes nothing before the first trace or Close.
func NewWriter(w io.Writer) *Writer {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return &Writer{b, e, begin}
}

const begin, end = `{"data":[`, `],"total":0,"limit":0,"offset":0,"errors":null}` + "\n"

// Write writes the spans of one trace, or nothing if there are none.
func (w *Writer) Write(spans []gap.Span) error {
	if len(spans) == 0 {
		return nil
	}
	fmt.Fprintf(w.buffer, `%s{"traceID":"%v","spans":[`+"\n", w.before, spans[0].TraceID)
	w.before = ","
	names := map[*gap.Process]string{} // also of nil, since Jaeger's UI needs a process for each span
	processes := map[string]writtenProcess{}
	for i := range spans {
		s := &spans[i]
		name, known := names[s.Process]
		if !known {
			name = "p" + strconv.Itoa(len(names)+1)
			names[s.Process], processes[name] = name, written(s.Process)
		}
		if i > 0 {
			w.buffer.WriteByte(',')
		}
		if err := w.encode.Encode(writtenSpan{
			TraceID:       s.TraceID.String(),
			SpanID:        s.SpanID.String(),
			Flags:         1, // sampled
			OperationName: s.Operation,
			References:    writtenReferences(s),
			StartTime:     s.Start.UnixMicro(),
			Duration:      microseconds(s.Start, s.Duration),
			Tags:          writtenFields(s.Tags),
			Logs:          writtenLogs(s.Logs),
			ProcessID:     name,
			Warnings:      s.Warnings,
		}); err != nil {
			return err
		}
	}
	w.buffer.WriteString(`],"processes":`)
	if err := w.encode.Encode(processes); err != nil {
		return err
	}
	_, err := w.buffer.WriteString(`,"warnings":null}`)
	return err
}

// Close ends the output. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.before == begin {
		w.buffer.WriteString(begin)
	}
	w.buffer.WriteString(end)
	return w.buffer.Flush()
}

// The names and the order of these fields are Jaeger's.
type (
	writtenSpan struct {
		TraceID       string             `json:"traceID"`
		SpanID        string             `json:"spanID"`
		Flags         int                `json:"flags"`
		OperationName string             `json:"operationName"`
		References    []writtenReference `json:"references"`
		StartTime     int64              `json:"startTime"`
		Duration      int64              `json:"duration"`
		Tags          []writtenField     `json:"tags"`
		Logs          []writtenLog       `json:"logs"`
		ProcessID     string             `json:"processID"`
		Warnings      []string           `json:"warnings"`
	}
	writtenReference struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	}
	writtenField struct {
		Key   string `json:"key"`
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
	writtenLog struct {
		Timestamp int64          `json:"timestamp"`
		Fields    []writtenField `json:"fields"`
	}
	writtenProcess struct {
		ServiceName string         `json:"serviceName"`
		Tags        []writtenField `json:"tags"`
	}
)

func written(p *gap.Process) writtenProcess {
	if p == nil {
		p = &gap.Process{}
	}
	return writtenProcess{p.Service, writtenFields(p.Tags)}
}

func writtenReferences(s *gap.Span) []writtenReference {
	all := make([]writtenReference, len(s.References)) // not nil, since Jaeger's UI needs an array
	for i, ref := range s.References {
		trace, kind := ref.TraceID, "CHILD_OF"
		if trace == (gap.TraceID{}) {
			trace = s.TraceID
		}
		if ref.Type == gap.FollowsFrom {
			kind = "FOLLOWS_FROM"
		}
		all[i] = writtenReference{kind, trace.String(), ref.SpanID.String()}
	}
	return all
}

func writtenLogs(logs []gap.Log) []writtenLog {
	all := make([]writtenLog, len(logs))
	for i, l := range logs {
		all[i] = writtenLog{l.Time.UnixMicro(), writtenFields(l.Fields)}
	}
	return all
}

func writtenFields(fields []gap.Field) []writtenField {
	all := make([]writtenField, len(fields))
	for i, f := range fields {
		w := writtenField{f.Key, "string", f.Value}
		switch v := f.Value.(type) {
		case string:
		case bool:
			w.Type = "bool"
		case int64:
			w.Type = "int64"
			if v >= 1<<53 || v <= -1<<53 { // JavaScript would round the number; Jaeger writes a string, too
				w.Value = strconv.FormatInt(v, 10)
			}
		case float64:
			w.Type = "float64"
			if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no such numbers
				w.Value = strconv.FormatFloat(v, 'g', -1, 64)
			}
		case []byte:
			w.Type = "binary" // base64, by encoding/json
		default:
			w.Value = fmt.Sprint(v)
		}
		all[i] = w
	}
	return all
}

// microseconds returns the time from the start to the end, both rounded down.
func microseconds(start time.Time, length time.Duration) int64 {
	part := time.Duration(start.Nanosecond() % 1000)
	if length <= math.MaxInt64-part {
		length += part
	}
	us := length / 1000
	if length%1000 < 0 {
		us--
	}
	return int64(us)
}
