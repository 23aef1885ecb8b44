package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
	"unsafe"
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
	if shape, ok := shapes[can]; ok {
		return shape(w)
	}
	if can&canDeadlines != 0 {
		can |= canUnwrap
	}
	can &= canFlush | canFlushError | canHijack | canNotify | canUnwrap | canReadFrom
	if can&canFlushError != 0 {
		can &^= canReadFrom
	}
	return shapes[can](w)
}

var shapes = func() map[abilities]func(*textWriter) http.ResponseWriter {
	const f, e, h, c, u = canFlush, canFlushError, canHijack, canNotify, canUnwrap
	const p, r, s = canPush, canReadFrom, canWriteString
	const net = s | f | c | canFlushError | canDeadlines
	return map[abilities]func(*textWriter) http.ResponseWriter{
		0: as[*responseWriter], h: as[shapeH], c: as[shapeC], u: as[shapeU],
		h | c: as[shapeHC], h | u: as[shapeHU], c | u: as[shapeCU], h | c | u: as[shapeHCU],

		f: as[shapeF], f | h: as[shapeFH], f | c: as[shapeFC], f | u: as[shapeFU],
		f | h | c: as[shapeFHC], f | h | u: as[shapeFHU], f | c | u: as[shapeFCU],
		f | h | c | u: as[shapeFHCU],

		e: as[shapeE], e | h: as[shapeEH], e | c: as[shapeEC], e | u: as[shapeEU],
		e | h | c: as[shapeEHC], e | h | u: as[shapeEHU], e | c | u: as[shapeECU],
		e | h | c | u: as[shapeEHCU],

		f | e: as[shapeFE], f | e | h: as[shapeFEH], f | e | c: as[shapeFEC], f | e | u: as[shapeFEU],
		f | e | h | c: as[shapeFEHC], f | e | h | u: as[shapeFEHU], f | e | c | u: as[shapeFECU],
		f | e | h | c | u: as[shapeFEHCU],

		r: as[shapeR], h | r: as[shapeHR], c | r: as[shapeCR], u | r: as[shapeUR],
		h | c | r: as[shapeHCR], h | u | r: as[shapeHUR], c | u | r: as[shapeCUR],
		h | c | u | r: as[shapeHCUR],

		f | r: as[shapeFR], f | h | r: as[shapeFHR], f | c | r: as[shapeFCR], f | u | r: as[shapeFUR],
		f | h | c | r: as[shapeFHCR], f | h | u | r: as[shapeFHUR], f | c | u | r: as[shapeFCUR],
		f | h | c | u | r: as[shapeFHCUR],

		// Middlewares.
		p: as[shapeP], f | p: as[shapeFP], f | c | p: as[shapeFCP], f | u | p: as[shapeFUP],
		f | c | u | p: as[shapeFCUP], f | h | c | p: as[shapeFHCP], f | h | u | p: as[shapeFHUP],
		f | c | u | p | r: as[shapeFCUPR], f | h | c | u | p: as[shapeFHCUP],
		f | h | c | u | p | r: as[shapeFHCUPR],

		// With WriteString.
		s: as[*textWriter], s | f: as[shapeSF], s | f | r: as[shapeSFR], s | f | c: as[shapeSFC],
		s | f | c | h: as[shapeSFCH], s | f | c | h | u: as[shapeSFCHU], net | p: as[shapeNetP],
		net | p | u: as[shapeNetPU], net | h | r: as[shapeNetHR], net | h | r | u: as[shapeNetHRU],
	}
}()

// as returns w in the shape S. A shape holds nothing but a pointer to w, or to the responseWriter
// that w begins with. So it is the same in memory as the pointer w.
func as[S http.ResponseWriter](w *textWriter) http.ResponseWriter { return *(*S)(unsafe.Pointer(&w)) }

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
