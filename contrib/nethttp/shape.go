package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// abilities are the optional methods of an http.ResponseWriter: those of the interfaces that
// handlers, frameworks and package io assert, and those that an http.ResponseController looks for.
type abilities uint16

const (
	canFlush abilities = 1 << iota
	canFlushError
	canHijack
	canReadFrom
	canWriteString
	canNotify
	canPush
	canUnwrap
	canSetReadDeadline
	canSetWriteDeadline
	canFullDuplex

	canDeadlines = canSetReadDeadline | canSetWriteDeadline | canFullDuplex
)

type (
	closeNotifier  interface{ CloseNotify() <-chan bool } // http.CloseNotifier, which is deprecated
	flushErrorer   interface{ FlushError() error }
	unwrapper      interface{ Unwrap() http.ResponseWriter }
	readDeadliner  interface{ SetReadDeadline(time.Time) error }
	writeDeadliner interface{ SetWriteDeadline(time.Time) error }
	fullDuplexer   interface{ EnableFullDuplex() error }
)

func abilitiesOf(w http.ResponseWriter) abilities {
	return ability[http.Flusher](w, canFlush) | ability[flushErrorer](w, canFlushError) |
		ability[http.Hijacker](w, canHijack) | ability[io.ReaderFrom](w, canReadFrom) |
		ability[io.StringWriter](w, canWriteString) | ability[closeNotifier](w, canNotify) |
		ability[http.Pusher](w, canPush) | ability[unwrapper](w, canUnwrap) |
		ability[readDeadliner](w, canSetReadDeadline) | ability[writeDeadliner](w, canSetWriteDeadline) |
		ability[fullDuplexer](w, canFullDuplex)
}

func ability[T any](w http.ResponseWriter, bit abilities) abilities {
	if _, ok := w.(T); ok {
		return bit
	}
	return 0
}

// shaped returns w in the shape with exactly these abilities. There are 2,048 sets of them. Shapes
// exist for net/http's writers, for well-known middlewares, and for every set of Flush, Hijack,
// CloseNotify, Unwrap, and one of FlushError and ReadFrom. From any other set, the rest is dropped.
// Little is lost: Write does what WriteString and ReadFrom do, if not always in the same frames,
// browsers ignore pushes, and an http.ResponseController reaches the deadlines by Unwrap.
func shaped(w *textWriter, can abilities) http.ResponseWriter {
	if shape, ok := textShapes[can]; ok {
		return shape(w)
	}
	if shape, ok := shapes[can]; ok {
		return shape(&w.responseWriter)
	}
	if can&canDeadlines != 0 {
		can |= canUnwrap
	}
	can &= canFlush | canFlushError | canHijack | canNotify | canUnwrap | canReadFrom
	if can&canFlushError != 0 {
		can &^= canReadFrom
	}
	return shapes[can](&w.responseWriter)
}

// The shapes. Each holds a single pointer, so that converting one to an interface does not
// allocate. The letters stand for methods: F Flush, E FlushError, H Hijack, C CloseNotify, U
// Unwrap, P Push, R ReadFrom, S WriteString. "net" stands for the other methods that both of
// net/http's writers have.
type (
	shapeH      struct{ *responseWriter }
	shapeC      struct{ *responseWriter }
	shapeU      struct{ *responseWriter }
	shapeHC     struct{ shapeH }
	shapeHU     struct{ shapeH }
	shapeCU     struct{ shapeC }
	shapeHCU    struct{ shapeHC }
	shapeF      struct{ *responseWriter }
	shapeFH     struct{ shapeF }
	shapeFC     struct{ shapeF }
	shapeFU     struct{ shapeF }
	shapeFHC    struct{ shapeFH }
	shapeFHU    struct{ shapeFH }
	shapeFCU    struct{ shapeFC }
	shapeFHCU   struct{ shapeFHC }
	shapeFE     struct{ shapeF }
	shapeFEH    struct{ shapeFE }
	shapeFEC    struct{ shapeFE }
	shapeFEU    struct{ shapeFE }
	shapeFEHC   struct{ shapeFEH }
	shapeFEHU   struct{ shapeFEH }
	shapeFECU   struct{ shapeFEC }
	shapeFEHCU  struct{ shapeFEHC }
	shapeP      struct{ *responseWriter }
	shapeFP     struct{ shapeF }
	shapeFUP    struct{ shapeFU }
	shapeFHCP   struct{ shapeFHC }
	shapeFHCR   struct{ shapeFHC }
	shapeFHUP   struct{ shapeFHU }
	shapeFHUR   struct{ shapeFHU }
	shapeFHCUP  struct{ shapeFHCU }
	shapeFHCUR  struct{ shapeFHCU }
	shapeFHCUPR struct{ shapeFHCUP }
	shapeFCP    struct{ shapeFC }
	shapeFCUP   struct{ shapeFCU }
	shapeFCUPR  struct{ shapeFCUP }
	shapeE      struct{ *responseWriter }
	shapeEH     struct{ shapeE }
	shapeEC     struct{ shapeE }
	shapeEU     struct{ shapeE }
	shapeEHC    struct{ shapeEH }
	shapeEHU    struct{ shapeEH }
	shapeECU    struct{ shapeEC }
	shapeEHCU   struct{ shapeEHC }
	shapeR      struct{ *responseWriter }
	shapeHR     struct{ shapeH }
	shapeCR     struct{ shapeC }
	shapeUR     struct{ shapeU }
	shapeHCR    struct{ shapeHC }
	shapeHUR    struct{ shapeHU }
	shapeCUR    struct{ shapeCU }
	shapeHCUR   struct{ shapeHCU }
	shapeFR     struct{ shapeF }
	shapeFCR    struct{ shapeFC }
	shapeFUR    struct{ shapeFU }
	shapeFHR    struct{ shapeFH }
	shapeFCUR   struct{ shapeFCU }

	shapeSF     struct{ *textWriter }
	shapeSFR    struct{ shapeSF }
	shapeSFC    struct{ shapeSF }
	shapeSFCH   struct{ shapeSFC }
	shapeSFCHU  struct{ shapeSFCH }
	shapeNet    struct{ shapeSFC }
	shapeNetP   struct{ shapeNet }
	shapeNetPU  struct{ shapeNetP }
	shapeNetH   struct{ shapeNet }
	shapeNetHR  struct{ shapeNetH }
	shapeNetHRU struct{ shapeNetHR }
)

func (w shapeF) Flush()  { w.flush() }
func (w shapeSF) Flush() { w.flush() }

func (w shapeFE) FlushError() error  { return w.flushError() }
func (w shapeE) FlushError() error   { return w.flushError() }
func (w shapeNet) FlushError() error { return w.flushError() }

func (w shapeH) Hijack() (net.Conn, *bufio.ReadWriter, error)    { return w.hijack() }
func (w shapeFH) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }
func (w shapeFEH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w shapeEH) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }
func (w shapeSFCH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
func (w shapeNetH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w shapeC) CloseNotify() <-chan bool    { return w.closeNotify() }
func (w shapeHC) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w shapeFC) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w shapeFHC) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w shapeFEC) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w shapeFEHC) CloseNotify() <-chan bool { return w.closeNotify() }
func (w shapeEC) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w shapeEHC) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w shapeSFC) CloseNotify() <-chan bool  { return w.closeNotify() }

func (w shapeU) Unwrap() http.ResponseWriter      { return w.unwrap() }
func (w shapeHU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeCU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeHCU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeFHU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFCU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFHCU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeFEU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFEHU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeFECU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeFEHCU) Unwrap() http.ResponseWriter  { return w.unwrap() }
func (w shapeEU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeEHU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeECU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeEHCU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeSFCHU) Unwrap() http.ResponseWriter  { return w.unwrap() }
func (w shapeNetPU) Unwrap() http.ResponseWriter  { return w.unwrap() }
func (w shapeNetHRU) Unwrap() http.ResponseWriter { return w.unwrap() }

func (w shapeP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFHCP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFHUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFHCUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFCP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFCUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeNetP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeR) ReadFrom(src io.Reader) (int64, error)      { return w.readFrom(src) }
func (w shapeHR) ReadFrom(src io.Reader) (int64, error)     { return w.readFrom(src) }
func (w shapeCR) ReadFrom(src io.Reader) (int64, error)     { return w.readFrom(src) }
func (w shapeUR) ReadFrom(src io.Reader) (int64, error)     { return w.readFrom(src) }
func (w shapeHCR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeHUR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeCUR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeHCUR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFR) ReadFrom(src io.Reader) (int64, error)     { return w.readFrom(src) }
func (w shapeFCR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeFUR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeFHR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeFCUR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFHCR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFHUR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFHCUR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w shapeFHCUPR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }
func (w shapeFCUPR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w shapeSFR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeNetHR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }

func (w shapeNet) SetReadDeadline(t time.Time) error {
	return w.inner.(readDeadliner).SetReadDeadline(t)
}

func (w shapeNet) SetWriteDeadline(t time.Time) error {
	return w.inner.(writeDeadliner).SetWriteDeadline(t)
}

func (w shapeNet) EnableFullDuplex() error { return w.inner.(fullDuplexer).EnableFullDuplex() }

var shapes = map[abilities]func(w *responseWriter) http.ResponseWriter{
	0:                     func(w *responseWriter) http.ResponseWriter { return w },
	canHijack:             func(w *responseWriter) http.ResponseWriter { return shapeH{w} },
	canNotify:             func(w *responseWriter) http.ResponseWriter { return shapeC{w} },
	canUnwrap:             func(w *responseWriter) http.ResponseWriter { return shapeU{w} },
	canHijack | canNotify: func(w *responseWriter) http.ResponseWriter { return shapeHC{shapeH{w}} },
	canHijack | canUnwrap: func(w *responseWriter) http.ResponseWriter { return shapeHU{shapeH{w}} },
	canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter { return shapeCU{shapeC{w}} },
	canHijack | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeHCU{shapeHC{shapeH{w}}}
	},
	canFlush:             func(w *responseWriter) http.ResponseWriter { return shapeF{w} },
	canFlush | canHijack: func(w *responseWriter) http.ResponseWriter { return shapeFH{shapeF{w}} },
	canFlush | canNotify: func(w *responseWriter) http.ResponseWriter { return shapeFC{shapeF{w}} },
	canFlush | canUnwrap: func(w *responseWriter) http.ResponseWriter { return shapeFU{shapeF{w}} },
	canFlush | canHijack | canNotify: func(w *responseWriter) http.ResponseWriter {
		return shapeFHC{shapeFH{shapeF{w}}}
	},
	canFlush | canHijack | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFHU{shapeFH{shapeF{w}}}
	},
	canFlush | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFCU{shapeFC{shapeF{w}}}
	},
	canFlush | canHijack | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}
	},
	canFlush | canFlushError: func(w *responseWriter) http.ResponseWriter { return shapeFE{shapeF{w}} },
	canFlush | canFlushError | canHijack: func(w *responseWriter) http.ResponseWriter {
		return shapeFEH{shapeFE{shapeF{w}}}
	},
	canFlush | canFlushError | canNotify: func(w *responseWriter) http.ResponseWriter {
		return shapeFEC{shapeFE{shapeF{w}}}
	},
	canFlush | canFlushError | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFEU{shapeFE{shapeF{w}}}
	},
	canFlush | canFlushError | canHijack | canNotify: func(w *responseWriter) http.ResponseWriter {
		return shapeFEHC{shapeFEH{shapeFE{shapeF{w}}}}
	},
	canFlush | canFlushError | canHijack | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFEHU{shapeFEH{shapeFE{shapeF{w}}}}
	},
	canFlush | canFlushError | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFECU{shapeFEC{shapeFE{shapeF{w}}}}
	},
	canFlush | canFlushError | canHijack | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeFEHCU{shapeFEHC{shapeFEH{shapeFE{shapeF{w}}}}}
	},
	canPush:            func(w *responseWriter) http.ResponseWriter { return shapeP{w} },
	canFlush | canPush: func(w *responseWriter) http.ResponseWriter { return shapeFP{shapeF{w}} },
	canFlush | canUnwrap | canPush: func(w *responseWriter) http.ResponseWriter {
		return shapeFUP{shapeFU{shapeF{w}}}
	},
	canFlush | canHijack | canNotify | canPush: func(w *responseWriter) http.ResponseWriter {
		return shapeFHCP{shapeFHC{shapeFH{shapeF{w}}}}
	},
	canFlush | canHijack | canNotify | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFHCR{shapeFHC{shapeFH{shapeF{w}}}}
	},
	canFlush | canHijack | canUnwrap | canPush: func(w *responseWriter) http.ResponseWriter {
		return shapeFHUP{shapeFHU{shapeFH{shapeF{w}}}}
	},
	canFlush | canHijack | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFHUR{shapeFHU{shapeFH{shapeF{w}}}}
	},
	canFlush | canHijack | canNotify | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFHCUR{shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}}
	},
	canFlush | canHijack | canNotify | canUnwrap | canPush: func(w *responseWriter) http.ResponseWriter {
		return shapeFHCUP{shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}}
	},
	canFlush | canHijack | canNotify | canUnwrap | canPush | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFHCUPR{shapeFHCUP{shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}}}
	},
	canFlush | canNotify | canPush: func(w *responseWriter) http.ResponseWriter {
		return shapeFCP{shapeFC{shapeF{w}}}
	},
	canFlush | canNotify | canUnwrap | canPush: func(w *responseWriter) http.ResponseWriter {
		return shapeFCUP{shapeFCU{shapeFC{shapeF{w}}}}
	},
	canFlush | canNotify | canUnwrap | canPush | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFCUPR{shapeFCUP{shapeFCU{shapeFC{shapeF{w}}}}}
	},
	canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeR{w}
	},
	canHijack | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeHR{shapeH{w}}
	},
	canNotify | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeCR{shapeC{w}}
	},
	canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeUR{shapeU{w}}
	},
	canHijack | canNotify | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeHCR{shapeHC{shapeH{w}}}
	},
	canHijack | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeHUR{shapeHU{shapeH{w}}}
	},
	canNotify | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeCUR{shapeCU{shapeC{w}}}
	},
	canHijack | canNotify | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeHCUR{shapeHCU{shapeHC{shapeH{w}}}}
	},
	canFlush | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFR{shapeF{w}}
	},
	canFlush | canNotify | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFCR{shapeFC{shapeF{w}}}
	},
	canFlush | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFUR{shapeFU{shapeF{w}}}
	},
	canFlush | canHijack | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFHR{shapeFH{shapeF{w}}}
	},
	canFlush | canNotify | canUnwrap | canReadFrom: func(w *responseWriter) http.ResponseWriter {
		return shapeFCUR{shapeFCU{shapeFC{shapeF{w}}}}
	},
	canFlushError:             func(w *responseWriter) http.ResponseWriter { return shapeE{w} },
	canFlushError | canHijack: func(w *responseWriter) http.ResponseWriter { return shapeEH{shapeE{w}} },
	canFlushError | canNotify: func(w *responseWriter) http.ResponseWriter { return shapeEC{shapeE{w}} },
	canFlushError | canUnwrap: func(w *responseWriter) http.ResponseWriter { return shapeEU{shapeE{w}} },
	canFlushError | canHijack | canNotify: func(w *responseWriter) http.ResponseWriter {
		return shapeEHC{shapeEH{shapeE{w}}}
	},
	canFlushError | canHijack | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeEHU{shapeEH{shapeE{w}}}
	},
	canFlushError | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeECU{shapeEC{shapeE{w}}}
	},
	canFlushError | canHijack | canNotify | canUnwrap: func(w *responseWriter) http.ResponseWriter {
		return shapeEHCU{shapeEHC{shapeEH{shapeE{w}}}}
	},
}

var textShapes = map[abilities]func(w *textWriter) http.ResponseWriter{
	canWriteString:                          func(w *textWriter) http.ResponseWriter { return w },
	canWriteString | canFlush:               func(w *textWriter) http.ResponseWriter { return shapeSF{w} },
	canWriteString | canFlush | canReadFrom: func(w *textWriter) http.ResponseWriter { return shapeSFR{shapeSF{w}} },
	canWriteString | canFlush | canNotify:   func(w *textWriter) http.ResponseWriter { return shapeSFC{shapeSF{w}} },
	canWriteString | canFlush | canNotify | canHijack: func(w *textWriter) http.ResponseWriter {
		return shapeSFCH{shapeSFC{shapeSF{w}}}
	},
	canWriteString | canFlush | canNotify | canHijack | canUnwrap: func(w *textWriter) http.ResponseWriter {
		return shapeSFCHU{shapeSFCH{shapeSFC{shapeSF{w}}}}
	},
	netAbilities | canPush: func(w *textWriter) http.ResponseWriter {
		return shapeNetP{shapeNet{shapeSFC{shapeSF{w}}}}
	},
	netAbilities | canPush | canUnwrap: func(w *textWriter) http.ResponseWriter {
		return shapeNetPU{shapeNetP{shapeNet{shapeSFC{shapeSF{w}}}}}
	},
	netAbilities | canHijack | canReadFrom: func(w *textWriter) http.ResponseWriter {
		return shapeNetHR{shapeNetH{shapeNet{shapeSFC{shapeSF{w}}}}}
	},
	netAbilities | canHijack | canReadFrom | canUnwrap: func(w *textWriter) http.ResponseWriter {
		return shapeNetHRU{shapeNetHR{shapeNetH{shapeNet{shapeSFC{shapeSF{w}}}}}}
	},
}

const netAbilities = canFlush | canFlushError | canWriteString | canNotify | canDeadlines
