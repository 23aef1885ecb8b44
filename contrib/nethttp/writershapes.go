package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// abilities is a set of optional methods of an http.ResponseWriter: those that handlers, frameworks
// and package io find by a type assertion, and those that an http.ResponseController looks for.
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

// shaped returns w in the shape with exactly these abilities, if there is one. Of the 2,048 sets,
// those of net/http's writers and of well-known middlewares have a shape. So does every set of
// Flush, Hijack, CloseNotify and Unwrap, alone or with FlushError or ReadFrom. Any other set is
// reduced to one of the latter, which costs little: Write does the work of WriteString and
// ReadFrom, browsers ignore pushes, and an http.ResponseController finds the deadlines through
// Unwrap.
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

var shapes = func() map[abilities]func(*responseWriter) http.ResponseWriter {
	const f, e, h, c = canFlush, canFlushError, canHijack, canNotify
	const u, p, r = canUnwrap, canPush, canReadFrom
	return map[abilities]func(*responseWriter) http.ResponseWriter{
		0:             func(w *responseWriter) http.ResponseWriter { return w },
		h:             func(w *responseWriter) http.ResponseWriter { return shapeH{w} },
		c:             func(w *responseWriter) http.ResponseWriter { return shapeC{w} },
		u:             func(w *responseWriter) http.ResponseWriter { return shapeU{w} },
		h | c:         func(w *responseWriter) http.ResponseWriter { return shapeHC{shapeH{w}} },
		h | u:         func(w *responseWriter) http.ResponseWriter { return shapeHU{shapeH{w}} },
		c | u:         func(w *responseWriter) http.ResponseWriter { return shapeCU{shapeC{w}} },
		h | c | u:     func(w *responseWriter) http.ResponseWriter { return shapeHCU{shapeHC{shapeH{w}}} },
		f:             func(w *responseWriter) http.ResponseWriter { return shapeF{w} },
		f | h:         func(w *responseWriter) http.ResponseWriter { return shapeFH{shapeF{w}} },
		f | c:         func(w *responseWriter) http.ResponseWriter { return shapeFC{shapeF{w}} },
		f | u:         func(w *responseWriter) http.ResponseWriter { return shapeFU{shapeF{w}} },
		f | h | c:     func(w *responseWriter) http.ResponseWriter { return shapeFHC{shapeFH{shapeF{w}}} },
		f | h | u:     func(w *responseWriter) http.ResponseWriter { return shapeFHU{shapeFH{shapeF{w}}} },
		f | c | u:     func(w *responseWriter) http.ResponseWriter { return shapeFCU{shapeFC{shapeF{w}}} },
		f | h | c | u: func(w *responseWriter) http.ResponseWriter { return shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}} },

		e:             func(w *responseWriter) http.ResponseWriter { return shapeE{w} },
		e | h:         func(w *responseWriter) http.ResponseWriter { return shapeEH{shapeE{w}} },
		e | c:         func(w *responseWriter) http.ResponseWriter { return shapeEC{shapeE{w}} },
		e | u:         func(w *responseWriter) http.ResponseWriter { return shapeEU{shapeE{w}} },
		e | h | c:     func(w *responseWriter) http.ResponseWriter { return shapeEHC{shapeEH{shapeE{w}}} },
		e | h | u:     func(w *responseWriter) http.ResponseWriter { return shapeEHU{shapeEH{shapeE{w}}} },
		e | c | u:     func(w *responseWriter) http.ResponseWriter { return shapeECU{shapeEC{shapeE{w}}} },
		e | h | c | u: func(w *responseWriter) http.ResponseWriter { return shapeEHCU{shapeEHC{shapeEH{shapeE{w}}}} },
		f | e:         func(w *responseWriter) http.ResponseWriter { return shapeFE{shapeF{w}} },
		f | e | h:     func(w *responseWriter) http.ResponseWriter { return shapeFEH{shapeFE{shapeF{w}}} },
		f | e | c:     func(w *responseWriter) http.ResponseWriter { return shapeFEC{shapeFE{shapeF{w}}} },
		f | e | u:     func(w *responseWriter) http.ResponseWriter { return shapeFEU{shapeFE{shapeF{w}}} },
		f | e | h | c: func(w *responseWriter) http.ResponseWriter { return shapeFEHC{shapeFEH{shapeFE{shapeF{w}}}} },
		f | e | h | u: func(w *responseWriter) http.ResponseWriter { return shapeFEHU{shapeFEH{shapeFE{shapeF{w}}}} },
		f | e | c | u: func(w *responseWriter) http.ResponseWriter { return shapeFECU{shapeFEC{shapeFE{shapeF{w}}}} },
		f | e | h | c | u: func(w *responseWriter) http.ResponseWriter {
			return shapeFEHCU{shapeFEHC{shapeFEH{shapeFE{shapeF{w}}}}}
		},

		r:             func(w *responseWriter) http.ResponseWriter { return shapeR{w} },
		h | r:         func(w *responseWriter) http.ResponseWriter { return shapeHR{shapeH{w}} },
		c | r:         func(w *responseWriter) http.ResponseWriter { return shapeCR{shapeC{w}} },
		u | r:         func(w *responseWriter) http.ResponseWriter { return shapeUR{shapeU{w}} },
		h | c | r:     func(w *responseWriter) http.ResponseWriter { return shapeHCR{shapeHC{shapeH{w}}} },
		h | u | r:     func(w *responseWriter) http.ResponseWriter { return shapeHUR{shapeHU{shapeH{w}}} },
		c | u | r:     func(w *responseWriter) http.ResponseWriter { return shapeCUR{shapeCU{shapeC{w}}} },
		h | c | u | r: func(w *responseWriter) http.ResponseWriter { return shapeHCUR{shapeHCU{shapeHC{shapeH{w}}}} },
		f | r:         func(w *responseWriter) http.ResponseWriter { return shapeFR{shapeF{w}} },
		f | h | r:     func(w *responseWriter) http.ResponseWriter { return shapeFHR{shapeFH{shapeF{w}}} },
		f | c | r:     func(w *responseWriter) http.ResponseWriter { return shapeFCR{shapeFC{shapeF{w}}} },
		f | u | r:     func(w *responseWriter) http.ResponseWriter { return shapeFUR{shapeFU{shapeF{w}}} },
		f | h | c | r: func(w *responseWriter) http.ResponseWriter { return shapeFHCR{shapeFHC{shapeFH{shapeF{w}}}} },
		f | h | u | r: func(w *responseWriter) http.ResponseWriter { return shapeFHUR{shapeFHU{shapeFH{shapeF{w}}}} },
		f | c | u | r: func(w *responseWriter) http.ResponseWriter { return shapeFCUR{shapeFCU{shapeFC{shapeF{w}}}} },
		f | h | c | u | r: func(w *responseWriter) http.ResponseWriter {
			return shapeFHCUR{shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}}
		},

		// Middlewares.
		p:             func(w *responseWriter) http.ResponseWriter { return shapeP{w} },
		f | p:         func(w *responseWriter) http.ResponseWriter { return shapeFP{shapeF{w}} },
		f | c | p:     func(w *responseWriter) http.ResponseWriter { return shapeFCP{shapeFC{shapeF{w}}} },
		f | u | p:     func(w *responseWriter) http.ResponseWriter { return shapeFUP{shapeFU{shapeF{w}}} },
		f | c | u | p: func(w *responseWriter) http.ResponseWriter { return shapeFCUP{shapeFCU{shapeFC{shapeF{w}}}} },
		f | h | c | p: func(w *responseWriter) http.ResponseWriter { return shapeFHCP{shapeFHC{shapeFH{shapeF{w}}}} },
		f | h | u | p: func(w *responseWriter) http.ResponseWriter { return shapeFHUP{shapeFHU{shapeFH{shapeF{w}}}} },
		f | c | u | p | r: func(w *responseWriter) http.ResponseWriter {
			return shapeFCUPR{shapeFCUP{shapeFCU{shapeFC{shapeF{w}}}}}
		},
		f | h | c | u | p: func(w *responseWriter) http.ResponseWriter {
			return shapeFHCUP{shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}}
		},
		f | h | c | u | p | r: func(w *responseWriter) http.ResponseWriter {
			return shapeFHCUPR{shapeFHCUP{shapeFHCU{shapeFHC{shapeFH{shapeF{w}}}}}}
		},
	}
}()

var textShapes = func() map[abilities]func(*textWriter) http.ResponseWriter {
	const s, f, h, c = canWriteString, canFlush, canHijack, canNotify
	const u, p, r = canUnwrap, canPush, canReadFrom
	const net = s | f | c | canFlushError | canDeadlines
	return map[abilities]func(*textWriter) http.ResponseWriter{
		s:                 func(w *textWriter) http.ResponseWriter { return w },
		s | f:             func(w *textWriter) http.ResponseWriter { return shapeSF{w} },
		s | f | r:         func(w *textWriter) http.ResponseWriter { return shapeSFR{shapeSF{w}} },
		s | f | c:         func(w *textWriter) http.ResponseWriter { return shapeSFC{shapeSF{w}} },
		s | f | c | h:     func(w *textWriter) http.ResponseWriter { return shapeSFCH{shapeSFC{shapeSF{w}}} },
		s | f | c | h | u: func(w *textWriter) http.ResponseWriter { return shapeSFCHU{shapeSFCH{shapeSFC{shapeSF{w}}}} },
		net | p:           func(w *textWriter) http.ResponseWriter { return shapeNetP{shapeNet{shapeSFC{shapeSF{w}}}} },
		net | p | u: func(w *textWriter) http.ResponseWriter {
			return shapeNetPU{shapeNetP{shapeNet{shapeSFC{shapeSF{w}}}}}
		},
		net | h | r: func(w *textWriter) http.ResponseWriter {
			return shapeNetHR{shapeNetH{shapeNet{shapeSFC{shapeSF{w}}}}}
		},
		net | h | r | u: func(w *textWriter) http.ResponseWriter {
			return shapeNetHRU{shapeNetHR{shapeNetH{shapeNet{shapeSFC{shapeSF{w}}}}}}
		},
	}
}()

// The shapes. Each adds one method to the shape inside it; the last letter of its name says which:
//
//	F Flush   E FlushError   H Hijack     C CloseNotify
//	U Unwrap  P Push         R ReadFrom   S WriteString
//
// Net has all methods that the two writers of net/http share. A shape holds a single pointer, so
// that its conversion to an interface does not allocate.
type (
	shapeH    struct{ *responseWriter }
	shapeC    struct{ *responseWriter }
	shapeU    struct{ *responseWriter }
	shapeHC   struct{ shapeH }
	shapeHU   struct{ shapeH }
	shapeCU   struct{ shapeC }
	shapeHCU  struct{ shapeHC }
	shapeF    struct{ *responseWriter }
	shapeFH   struct{ shapeF }
	shapeFC   struct{ shapeF }
	shapeFU   struct{ shapeF }
	shapeFHC  struct{ shapeFH }
	shapeFHU  struct{ shapeFH }
	shapeFCU  struct{ shapeFC }
	shapeFHCU struct{ shapeFHC }

	shapeE     struct{ *responseWriter }
	shapeEH    struct{ shapeE }
	shapeEC    struct{ shapeE }
	shapeEU    struct{ shapeE }
	shapeEHC   struct{ shapeEH }
	shapeEHU   struct{ shapeEH }
	shapeECU   struct{ shapeEC }
	shapeEHCU  struct{ shapeEHC }
	shapeFE    struct{ shapeF }
	shapeFEH   struct{ shapeFE }
	shapeFEC   struct{ shapeFE }
	shapeFEU   struct{ shapeFE }
	shapeFEHC  struct{ shapeFEH }
	shapeFEHU  struct{ shapeFEH }
	shapeFECU  struct{ shapeFEC }
	shapeFEHCU struct{ shapeFEHC }

	shapeR     struct{ *responseWriter }
	shapeHR    struct{ shapeH }
	shapeCR    struct{ shapeC }
	shapeUR    struct{ shapeU }
	shapeHCR   struct{ shapeHC }
	shapeHUR   struct{ shapeHU }
	shapeCUR   struct{ shapeCU }
	shapeHCUR  struct{ shapeHCU }
	shapeFR    struct{ shapeF }
	shapeFHR   struct{ shapeFH }
	shapeFCR   struct{ shapeFC }
	shapeFUR   struct{ shapeFU }
	shapeFHCR  struct{ shapeFHC }
	shapeFHUR  struct{ shapeFHU }
	shapeFCUR  struct{ shapeFCU }
	shapeFHCUR struct{ shapeFHCU }

	shapeP      struct{ *responseWriter }
	shapeFP     struct{ shapeF }
	shapeFCP    struct{ shapeFC }
	shapeFUP    struct{ shapeFU }
	shapeFCUP   struct{ shapeFCU }
	shapeFHCP   struct{ shapeFHC }
	shapeFHUP   struct{ shapeFHU }
	shapeFCUPR  struct{ shapeFCUP }
	shapeFHCUP  struct{ shapeFHCU }
	shapeFHCUPR struct{ shapeFHCUP }

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

func (w shapeE) FlushError() error   { return w.flushError() }
func (w shapeFE) FlushError() error  { return w.flushError() }
func (w shapeNet) FlushError() error { return w.flushError() }

func (w shapeH) Hijack() (net.Conn, *bufio.ReadWriter, error)    { return w.hijack() }
func (w shapeFH) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }
func (w shapeEH) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }
func (w shapeFEH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return w.hijack() }
func (w shapeSFCH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
func (w shapeNetH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w shapeC) CloseNotify() <-chan bool    { return w.closeNotify() }
func (w shapeHC) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w shapeFC) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w shapeFHC) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w shapeEC) CloseNotify() <-chan bool   { return w.closeNotify() }
func (w shapeEHC) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w shapeFEC) CloseNotify() <-chan bool  { return w.closeNotify() }
func (w shapeFEHC) CloseNotify() <-chan bool { return w.closeNotify() }
func (w shapeSFC) CloseNotify() <-chan bool  { return w.closeNotify() }

func (w shapeU) Unwrap() http.ResponseWriter      { return w.unwrap() }
func (w shapeHU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeCU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeHCU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeFHU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFCU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFHCU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeEU) Unwrap() http.ResponseWriter     { return w.unwrap() }
func (w shapeEHU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeECU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeEHCU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeFEU) Unwrap() http.ResponseWriter    { return w.unwrap() }
func (w shapeFEHU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeFECU) Unwrap() http.ResponseWriter   { return w.unwrap() }
func (w shapeFEHCU) Unwrap() http.ResponseWriter  { return w.unwrap() }
func (w shapeSFCHU) Unwrap() http.ResponseWriter  { return w.unwrap() }
func (w shapeNetPU) Unwrap() http.ResponseWriter  { return w.unwrap() }
func (w shapeNetHRU) Unwrap() http.ResponseWriter { return w.unwrap() }

func (w shapeP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFCP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFCUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFHCP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFHUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w shapeFHCUP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

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
func (w shapeFHR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeFCR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeFUR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeFHCR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFHUR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFCUR) ReadFrom(src io.Reader) (int64, error)   { return w.readFrom(src) }
func (w shapeFHCUR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w shapeFCUPR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }
func (w shapeFHCUPR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }
func (w shapeSFR) ReadFrom(src io.Reader) (int64, error)    { return w.readFrom(src) }
func (w shapeNetHR) ReadFrom(src io.Reader) (int64, error)  { return w.readFrom(src) }

func (w shapeNet) SetReadDeadline(t time.Time) error {
	return w.inner.(readDeadliner).SetReadDeadline(t)
}

func (w shapeNet) SetWriteDeadline(t time.Time) error {
	return w.inner.(writeDeadliner).SetWriteDeadline(t)
}

func (w shapeNet) EnableFullDuplex() error { return w.inner.(fullDuplexer).EnableFullDuplex() }
