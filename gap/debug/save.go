package debug

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
)

// Observable is a source of requests that have ended, such as a *tracer.Recorder.
type Observable interface {
	// Observe calls observe for each request, from one goroutine, with its spans. The first is the
	// local root. After stop has returned, it does not call observe.
	Observe(observe func(spans []gap.Span), grace time.Duration) (stop func())
}

// SaveOptions say which requests [SaveSlow] saves, and where. Dir and at least one of Duration and
// SelfTime must be set.
type SaveOptions struct {
	// Dir is the folder of the files. It is created if it does not exist.
	Dir string

	// A request is saved if its local root takes at least Duration, or if the self time of all its
	// spans in this process is at least SelfTime. If one of them is 0, only the other counts.
	Duration, SelfTime time.Duration

	MinInterval time.Duration // between two saved requests; 0 means a minute
	MaxFiles    int           // the most files in Dir; 0 means 10
	MaxBytes    int64         // the most bytes of these files together; 0 means 100 MiB

	Logger *slog.Logger // logs each saved request, and each failure; nil for none
}

// SaveSlow saves the execution trace and the spans of slow requests. Each goes into a zip file of
// its own in o.Dir:
//
//	gaps-20261129T122601.123456789Z-5f1c08d2a7e94b36.zip   the time in UTC, the trace id
//	  trace.out    what recorder has, for go tool trace and for package explain
//	  spans.json   the spans of the request in this process, in Jaeger's JSON
//
// The files contain everything that the spans have, including tags and logs, and the stacks of all
// goroutines. Only the user that the program runs as can read them.
//
// A request never waits for this. One goroutine writes the files, one at a time. It skips requests
// that are slow while it writes, or within o.MinInterval of the one before. A file appears when it
// is complete. Then the oldest files with such names are removed until o.MaxFiles and o.MaxBytes
// hold. Other files in o.Dir are left alone. Several programs may use the same folder.
//
// If a file cannot be written, nothing of it is left, and [Saver.Stats] counts the failure. After
// o.MinInterval the next slow request is tried. A file cannot be written if recorder is not running
// or is used by others for two seconds, if the disk is full, if the folder is not writable, or if
// the file would exceed o.MaxBytes.
//
// SaveSlow returns an error if an option is missing or negative, or if no file can be created in
// o.Dir.
func SaveSlow(requests Observable, recorder FlightRecorder, o SaveOptions) (*Saver, error) {
	switch {
	case requests == nil || recorder == nil:
		return nil, errors.New("debug: SaveSlow: the source of requests or the flight recorder is nil")
	case o.Dir == "":
		return nil, errors.New("debug: SaveSlow: set Dir")
	case o.Duration == 0 && o.SelfTime == 0:
		return nil, errors.New("debug: SaveSlow: set Duration, SelfTime or both")
	case min(o.Duration, o.SelfTime, o.MinInterval) < 0 || o.MaxFiles < 0 || o.MaxBytes < 0:
		return nil, errors.New("debug: SaveSlow: an option is negative")
	}
	o.MinInterval = cmp.Or(o.MinInterval, time.Minute)
	o.MaxFiles = cmp.Or(o.MaxFiles, 10)
	o.MaxBytes = cmp.Or(o.MaxBytes, 100<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Saver{
		options: o, recorder: recorder,
		slow: make(chan []gap.Span, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	f, err := s.create() // or a wrong folder would only be noticed at the first slow request
	if err != nil {
		return nil, fmt.Errorf("debug: SaveSlow: %w", err)
	}
	f.discard()
	go s.run()
	s.stop = requests.Observe(s.observe, 0)
	return s, nil
}

// Saver is what [SaveSlow] starts.
type Saver struct {
	options  SaveOptions
	recorder FlightRecorder
	stop     func()          // ends the observation
	slow     chan []gap.Span // holds a request only while busy is true
	closing  chan struct{}   // closed by Close
	ended    chan struct{}   // closed by the goroutine
	once     sync.Once       // of Close

	mu    sync.Mutex
	last  time.Time // when the goroutine last got a request; zero before
	busy  bool      // the goroutine has a request
	stats SaveStats
}

// SaveStats counts slow requests.
type SaveStats struct {
	Saved   int   // to a file
	Skipped int   // too soon after another one, or while another one was saved
	Failed  int   // could not be saved
	Err     error // the last failure; nil if there was none
}

// Stats returns the counts until now.
func (s *Saver) Stats() SaveStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close ends the goroutine, and returns after it has ended. It completes a file that is being
// written, and saves a slow request that has just ended. It may be called several times.
func (s *Saver) Close() {
	s.once.Do(func() {
		s.stop() // may observe a last request
		close(s.closing)
	})
	<-s.ended
}

// observe hands a slow request to the goroutine, unless it is too soon.
func (s *Saver) observe(spans []gap.Span) {
	if !s.isSlow(spans) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now() // compared by the monotonic clock, which does not jump
	if s.busy || !s.last.IsZero() && now.Sub(s.last) < s.options.MinInterval {
		s.stats.Skipped++
		return
	}
	s.last, s.busy = now, true
	s.slow <- spans
}

func (s *Saver) isSlow(spans []gap.Span) bool {
	if len(spans) == 0 {
		return false
	}
	if s.options.Duration > 0 && spans[0].Duration >= s.options.Duration {
		return true
	}
	if s.options.SelfTime == 0 {
		return false
	}
	// The self time of a span is at most its duration. So most requests need no analysis.
	left := s.options.SelfTime
	for i := range spans {
		if left -= max(spans[i].Duration, 0); left <= 0 {
			t, _ := gap.Build(spans)
			return t.SelfTime() >= s.options.SelfTime
		}
	}
	return false
}

func (s *Saver) run() {
	defer close(s.ended)
	for {
		select {
		case spans := <-s.slow:
			s.try(spans)
		case <-s.closing:
			select {
			case spans := <-s.slow:
				s.try(spans)
			default:
			}
			return
		}
	}
}

// try saves a request. It counts and logs the result.
func (s *Saver) try(spans []gap.Span) {
	root := &spans[0]
	log := s.options.Logger.With("trace", root.TraceID.String(), "operation", root.Operation, "duration", root.Duration)
	name, err := s.save(spans)
	if err != nil {
		log.Warn("debug: slow request not saved", "error", err)
	} else {
		log.Info("debug: slow request saved", "file", name)
		if err := s.prune(filepath.Base(name)); err != nil {
			log.Warn("debug: old files not removed", "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if err == nil {
		s.stats.Saved++
	} else {
		s.stats.Failed++
		s.stats.Err = err
	}
}

// settle is how long after the end of a request its execution trace is saved. By then it has the
// next reading of the CPU clocks, even if the sampler had to wait for a CPU.
const settle = 50 * time.Millisecond

var errNotRunning = errors.New("the flight recorder is not running")

// save writes a file, and returns its name.
func (s *Saver) save(spans []gap.Span) (name string, err error) {
	if !s.recorder.Enabled() {
		return "", errNotRunning
	}
	now := time.Now().UTC()
	select {
	case <-time.After(settle):
	case <-s.closing: // better than no file
	}
	f, err := s.create()
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.discard()
		}
	}()
	z := zip.NewWriter(f)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed) // the program has other work
	})
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"trace.out", s.snapshot},
		{"spans.json", func(w io.Writer) error { return jaegerjson.Write(w, spans) }},
	} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: part.name, Method: zip.Deflate, Modified: now})
		if err != nil {
			return "", err
		}
		if err := part.write(w); err != nil {
			return "", err
		}
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	name = filepath.Join(s.options.Dir, fmt.Sprintf("gaps-%s-%s.zip", now.Format(timeInName), spans[0].TraceID))
	return name, f.commit(name)
}

const (
	busyPoll = 10 * time.Millisecond
	busyWait = 2 * time.Second // by then the window of the recorder has moved on
)

// snapshot writes what the recorder has. Only one snapshot can be taken at a time, so it waits for
// that of a page.
func (s *Saver) snapshot(w io.Writer) error {
	for begin := time.Now(); ; {
		n, err := s.recorder.WriteTo(w)
		if err == nil {
			return nil
		}
		if !s.recorder.Enabled() {
			return errNotRunning
		}
		if n > 0 || time.Since(begin) > busyWait {
			return fmt.Errorf("flight recorder: %w", err)
		}
		select {
		case <-time.After(busyPoll):
		case <-s.closing:
			return fmt.Errorf("flight recorder, until Close: %w", err)
		}
	}
}

const (
	timeInName    = "20060102T150405.000000000Z"
	temporary     = "gaps-*.zip.tmp" // for os.CreateTemp
	temporaryLife = time.Hour
	clockError    = time.Minute
)

var (
	savedName     = regexp.MustCompile(`^gaps-(\d{8}T\d{6}\.\d{9}Z)-[0-9a-f]{16,32}\.zip$`)
	temporaryName = regexp.MustCompile(`^gaps-\d+\.zip\.tmp$`)
)

// file is a file of limited size that is not complete.
type file struct {
	*os.File
	left int64 // bytes that it may still have
}

// create creates a temporary file, and its folder if that does not exist.
func (s *Saver) create() (*file, error) {
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.options.Dir, temporary) // with mode 0600
	return &file{f, s.options.MaxBytes}, err
}

func (f *file) Write(p []byte) (int, error) {
	if f.left -= int64(len(p)); f.left < 0 {
		return 0, errors.New("the file would exceed MaxBytes")
	}
	return f.File.Write(p)
}

func (f *file) discard() {
	_ = f.Close() // it may be closed already
	_ = os.Remove(f.Name())
}

// commit gives the file its name.
func (f *file) commit(name string) error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// prune removes the oldest files until the limits hold, except the one that was just written. It
// also removes temporary files of programs that were killed.
func (s *Saver) prune(written string) error {
	entries, err := os.ReadDir(s.options.Dir)
	if err != nil {
		return err
	}
	type saved struct {
		name   string
		future bool // the clock was wrong when it was written
		bytes  int64
	}
	var files []saved
	var bytes int64
	var errs []error
	latest := time.Now().Add(clockError).UTC().Format(timeInName)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // another program has removed it, or nobody wrote it here
		}
		if m := savedName.FindStringSubmatch(e.Name()); m != nil {
			files = append(files, saved{e.Name(), m[1] > latest, info.Size()})
			bytes += info.Size()
		} else if temporaryName.MatchString(e.Name()) && time.Since(info.ModTime()) > temporaryLife {
			errs = append(errs, s.remove(e.Name()))
		}
	}
	// If the clock was set back, the files with later times are older.
	slices.SortFunc(files, func(a, b saved) int {
		if a.future == b.future {
			return cmp.Compare(a.name, b.name)
		}
		if a.future {
			return -1
		}
		return 1
	})
	left := len(files)
	for _, f := range files {
		if left <= s.options.MaxFiles && bytes <= s.options.MaxBytes {
			break
		}
		if f.name == written {
			continue
		}
		if err := s.remove(f.name); err != nil {
			errs = append(errs, err)
			continue
		}
		left--
		bytes -= f.bytes
	}
	return errors.Join(errs...)
}

// remove removes a file, unless another program has removed it.
func (s *Saver) remove(name string) error {
	if err := os.Remove(filepath.Join(s.options.Dir, name)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
