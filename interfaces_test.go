package gaptrace_test

import (
	"go/ast"
	"go/types"
	"go/version"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// asked is an interface that a library exports, or to which it asserts a value that may be wrapped.
// If the wrapper lacks it, the program may behave differently. So each interface has a decision, in
// the field does.
type asked struct {
	methods string // sorted, divided by "; "; "*" if they are the library's commands, which a wrapper does not list
	since   string // the first Go release with it, if that is newer than go.mod's
	until   string // the first Go release without it
	does    string // kept: the wrapper has a type with these methods; otherwise the reason why it needs none
}

const (
	kept   = "kept"
	theirs = "the program's or the library's own value, which no wrapper replaces"
)

// wrapped are the libraries whose values a wrapper replaces.
var wrapped = map[string]struct {
	libraries []string // packages whose exported interfaces and assertions must be known
	helpers   []string // packages of which only the assertions must be known
	operands  []string // static types whose values may be a wrapper's: assertions on others do not matter
	known     map[string]asked
}{
	"contrib/nethttp": {
		libraries: []string{"net/http"},
		helpers:   []string{"net/http/httputil", "io"},
		operands:  []string{"http.ResponseWriter", "http.RoundTripper", "http.Handler", "io.ReadCloser", "io.Reader", "io.Writer", "context.Context"},
		known: map[string]asked{
			"http.CloseNotifier": {methods: "CloseNotify() <-chan bool", does: kept},
			"http.CookieJar": {
				methods: "Cookies(*url.URL) []*http.Cookie; SetCookies(*url.URL, []*http.Cookie)",
				does:    theirs,
			},
			"http.File": {
				methods: "Readdir(int) ([]fs.FileInfo, error); Stat() (fs.FileInfo, error); io.Closer; io.Reader; io.Seeker",
				does:    theirs,
			},
			"http.FileSystem": {methods: "Open(string) (http.File, error)", does: theirs},
			"http.Flusher":    {methods: "Flush()", does: kept},
			"http.Handler":    {methods: "ServeHTTP(http.ResponseWriter, *http.Request)", does: kept},
			"http.Handler asked for BaseContext": {
				methods: "BaseContext() context.Context",
				until:   "go1.27",
				does:    "asked of net/http's own handler, below the program's",
			},
			"http.Hijacker": {methods: "Hijack() (net.Conn, *bufio.ReadWriter, error)", does: kept},
			"http.Pusher":   {methods: "Push(string, *http.PushOptions) error", does: kept},
			"http.ResponseWriter": {
				methods: "Header() http.Header; Write([]byte) (int, error); WriteHeader(int)",
				does:    kept,
			},
			"http.ResponseWriter asked for EnableFullDuplex": {
				methods: "EnableFullDuplex() error",
				does:    "http.ResponseController finds it through Unwrap",
			},
			"http.ResponseWriter asked for FlushError": {methods: "FlushError() error", does: kept},
			"http.ResponseWriter asked for SetReadDeadline": {
				methods: "SetReadDeadline(time.Time) error",
				does:    "http.ResponseController finds it through Unwrap",
			},
			"http.ResponseWriter asked for SetWriteDeadline": {
				methods: "SetWriteDeadline(time.Time) error",
				does:    "http.ResponseController finds it through Unwrap",
			},
			"http.ResponseWriter asked for Unwrap": {methods: "Unwrap() http.ResponseWriter", does: kept},
			"http.ResponseWriter asked for requestTooLarge": {
				methods: "requestTooLarge()",
				does:    "unexported: only net/http's own writer can have it, so a body that http.MaxBytesReader limits needs other means",
			},
			"http.RoundTripper": {methods: "RoundTrip(*http.Request) (*http.Response, error)", does: kept},
			"http.RoundTripper asked for Available, Close, Err, InFlight, Release, Reserve, RoundTrip": {
				methods: "Available() int; Close() error; Err() error; InFlight() int; Release(); Reserve() error; RoundTrip(*http.Request) (*http.Response, error)",
				does:    "asked of net/http's own connections",
			},
			"http.RoundTripper asked for CancelRequest": {
				methods: "CancelRequest(*http.Request)",
				does:    "deprecated: a recorded request is a copy, which only its context or Cancel channel ends",
			},
			"http.RoundTripper asked for Close": {
				methods: "Close() error",
				since:   "go1.27",
				does:    "asked of net/http's own connections",
			},
			"http.RoundTripper asked for CloseIdleConnections": {methods: "CloseIdleConnections()", does: kept},
			"http.RoundTripper asked for ConnFromContext, DialFromContext, DisableCompression, ExternalRoundTrip, HTTP2Config, IdleConnTimeout, MaxHeaderListSize, Registered, RoundTrip": {
				methods: "ConnFromContext(context.Context) net.Conn; DialFromContext(context.Context, string, string) (net.Conn, error); DisableCompression() bool; ExternalRoundTrip() bool; HTTP2Config() http.HTTP2Config; IdleConnTimeout() time.Duration; MaxHeaderListSize() int64; Registered(*http.Transport); RoundTrip(*http.Request) (*http.Response, error)",
				since:   "go1.27",
				does:    "asked of what RegisterProtocol gave an http.Transport",
			},
			"http.RoundTripper asked for DialClientConn": {
				methods: "DialClientConn(context.Context, string, *url.URL, func()) (http.RoundTripper, error)",
				since:   "go1.27",
				does:    "asked of what RegisterProtocol gave an http.Transport",
			},
			"http.RoundTripper asked for NewClientConn": {
				methods: "NewClientConn(net.Conn, func()) (http.RoundTripper, error)",
				does:    "asked of what RegisterProtocol gave an http.Transport",
			},
			"http.RoundTripper asked for RoundTripErr": {
				methods: "RoundTripErr() error",
				does:    "asked of what TLSNextProto made, inside (*http.Transport)",
			},
			"io.ReadCloser asked for Close, Read, Write": {
				methods: "io.Closer; io.Reader; io.Writer",
				does:    "a response that switches protocols keeps its body",
			},
			"io.ReadCloser asked for Write": {
				methods: "Write([]byte) (int, error)",
				does:    "a response that switches protocols keeps its body",
			},
			"io.Reader asked for Close, Read": {
				methods: "io.Closer; io.Reader",
				does:    "http.NewRequest asks the program's body",
			},
			"io.Reader asked for WriteTo": {
				methods: "WriteTo(io.Writer) (int64, error)",
				does:    "a body of net/http's has none",
			},
			"io.Writer asked for Close":    {methods: "Close() error", does: theirs},
			"io.Writer asked for ReadFrom": {methods: "ReadFrom(io.Reader) (int64, error)", does: kept},
			"io.Writer asked for WriteByte": {
				methods: "WriteByte(byte) error",
				does:    "(*http.Request).Write asks the program's writer",
			},
			"io.Writer asked for WriteString": {methods: "WriteString(string) (int, error)", does: kept},
		},
	},
	"contrib/sql": {
		libraries: []string{"database/sql", "database/sql/driver"},
		operands:  []string{"driver.Connector", "driver.Driver", "driver.Conn", "driver.Stmt", "driver.Tx", "driver.Rows", "driver.Result", "context.Context"},
		known: map[string]asked{
			"driver.ColumnConverter": {methods: "ColumnConverter(int) driver.ValueConverter", does: kept},
			"driver.Conn": {
				methods: "Begin() (driver.Tx, error); Close() error; Prepare(string) (driver.Stmt, error)",
				does:    kept,
			},
			"driver.ConnBeginTx": {
				methods: "BeginTx(context.Context, driver.TxOptions) (driver.Tx, error)",
				does:    kept,
			},
			"driver.ConnPrepareContext": {
				methods: "PrepareContext(context.Context, string) (driver.Stmt, error)",
				does:    kept,
			},
			"driver.Connector": {
				methods: "Connect(context.Context) (driver.Conn, error); Driver() driver.Driver",
				does:    kept,
			},
			"driver.Connector asked for Close": {methods: "Close() error", does: kept},
			"driver.Driver":                    {methods: "Open(string) (driver.Conn, error)", does: kept},
			"driver.DriverContext":             {methods: "OpenConnector(string) (driver.Connector, error)", does: kept},
			"driver.Execer": {
				methods: "Exec(string, []driver.Value) (driver.Result, error)",
				does:    "answered as ExecerContext, whose caller database/sql cannot tell from Execer's",
			},
			"driver.ExecerContext": {
				methods: "ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error)",
				does:    kept,
			},
			"driver.NamedValueChecker": {methods: "CheckNamedValue(*driver.NamedValue) error", does: kept},
			"driver.Pinger":            {methods: "Ping(context.Context) error", does: kept},
			"driver.Queryer": {
				methods: "Query(string, []driver.Value) (driver.Rows, error)",
				does:    "answered as QueryerContext, whose caller database/sql cannot tell from Queryer's",
			},
			"driver.QueryerContext": {
				methods: "QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error)",
				does:    kept,
			},
			"driver.Result": {methods: "LastInsertId() (int64, error); RowsAffected() (int64, error)", does: theirs},
			"driver.Rows":   {methods: "Close() error; Columns() []string; Next([]driver.Value) error", does: kept},
			"driver.RowsColumnScanner": {
				methods: "NextRow() error; ScanColumn(driver.ScanContext, int, any) error; driver.Rows",
				since:   "go1.27",
				does:    kept,
			},
			"driver.RowsColumnTypeDatabaseTypeName": {
				methods: "ColumnTypeDatabaseTypeName(int) string; driver.Rows",
				does:    kept,
			},
			"driver.RowsColumnTypeLength":   {methods: "ColumnTypeLength(int) (int64, bool); driver.Rows", does: kept},
			"driver.RowsColumnTypeNullable": {methods: "ColumnTypeNullable(int) (bool, bool); driver.Rows", does: kept},
			"driver.RowsColumnTypePrecisionScale": {
				methods: "ColumnTypePrecisionScale(int) (int64, int64, bool); driver.Rows",
				does:    kept,
			},
			"driver.RowsColumnTypeScanType": {methods: "ColumnTypeScanType(int) reflect.Type; driver.Rows", does: kept},
			"driver.RowsNextResultSet": {
				methods: "HasNextResultSet() bool; NextResultSet() error; driver.Rows",
				does:    kept,
			},
			"driver.SessionResetter": {methods: "ResetSession(context.Context) error", does: kept},
			"driver.Stmt": {
				methods: "Close() error; Exec([]driver.Value) (driver.Result, error); NumInput() int; Query([]driver.Value) (driver.Rows, error)",
				does:    kept,
			},
			"driver.StmtExecContext": {
				methods: "ExecContext(context.Context, []driver.NamedValue) (driver.Result, error)",
				does:    kept,
			},
			"driver.StmtQueryContext": {
				methods: "QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error)",
				does:    kept,
			},
			"driver.Tx":             {methods: "Commit() error; Rollback() error", does: kept},
			"driver.Validator":      {methods: "IsValid() bool", does: kept},
			"driver.ValueConverter": {methods: "ConvertValue(any) (driver.Value, error)", does: theirs},
			"driver.Valuer":         {methods: "Value() (driver.Value, error)", does: theirs},
			"sql.Result":            {methods: "LastInsertId() (int64, error); RowsAffected() (int64, error)", does: theirs},
			"sql.Scanner":           {methods: "Scan(any) error", does: theirs},
		},
	},
	"contrib/grpc": {
		libraries: []string{
			"google.golang.org/grpc", "google.golang.org/grpc/stats",
			"google.golang.org/grpc/credentials", "google.golang.org/grpc/metadata",
		},
		operands: []string{"grpc.ClientStream", "grpc.ServerStream", "grpc.Stream", "grpc.ClientConnInterface", "grpc.ServiceRegistrar", "context.Context"},
		known: map[string]asked{
			"credentials.AuthInfo":           {methods: "AuthType() string", does: theirs},
			"credentials.AuthorityValidator": {methods: "ValidateAuthority(string) error", does: theirs},
			"credentials.Bundle": {
				methods: "NewWithMode(string) (credentials.Bundle, error); PerRPCCredentials() credentials.PerRPCCredentials; TransportCredentials() credentials.TransportCredentials",
				does:    theirs,
			},
			"credentials.ChannelzSecurityInfo": {
				methods: "GetSecurityValue() credentials.ChannelzSecurityValue",
				does:    theirs,
			},
			"credentials.ChannelzSecurityValue": {methods: "isChannelzSecurityValue()", does: theirs},
			"credentials.PerRPCCredentials": {
				methods: "GetRequestMetadata(context.Context, ...string) (map[string]string, error); RequireTransportSecurity() bool",
				does:    theirs,
			},
			"credentials.TransportCredentials": {
				methods: "ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error); Clone() credentials.TransportCredentials; Info() credentials.ProtocolInfo; OverrideServerName(string) error; ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error)",
				does:    theirs,
			},
			"grpc.BidiStreamingClient": {
				methods: "Recv() (*Res, error); Send(*Req) error; grpc.ClientStream",
				does:    "generated code makes it of a ClientStream or ServerStream",
			},
			"grpc.BidiStreamingServer": {
				methods: "Recv() (*Req, error); Send(*Res) error; grpc.ServerStream",
				does:    "generated code makes it of a ClientStream or ServerStream",
			},
			"grpc.CallOption": {
				methods: "after(*grpc.callInfo, *grpc.csAttempt); before(*grpc.callInfo) error",
				does:    theirs,
			},
			"grpc.ClientConnInterface": {
				methods: "Invoke(context.Context, string, any, any, ...grpc.CallOption) error; NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error)",
				does:    "the *grpc.ClientConn stays grpc's own: interceptors are options",
			},
			"grpc.ClientStream": {
				methods: "CloseSend() error; Context() context.Context; Header() (metadata.MD, error); RecvMsg(any) error; SendMsg(any) error; Trailer() metadata.MD",
				does:    kept,
			},
			"grpc.ClientStreamingClient": {
				methods: "CloseAndRecv() (*Res, error); Send(*Req) error; grpc.ClientStream",
				does:    "generated code makes it of a ClientStream or ServerStream",
			},
			"grpc.ClientStreamingServer": {
				methods: "Recv() (*Req, error); SendAndClose(*Res) error; grpc.ServerStream",
				does:    "generated code makes it of a ClientStream or ServerStream",
			},
			"grpc.Codec": {
				methods: "Marshal(any) ([]byte, error); String() string; Unmarshal([]byte, any) error",
				does:    theirs,
			},
			"grpc.Compressor":   {methods: "Do(io.Writer, []byte) error; Type() string", does: theirs},
			"grpc.Decompressor": {methods: "Do(io.Reader) ([]byte, error); Type() string", does: theirs},
			"grpc.DialOption":   {methods: "apply(*grpc.dialOptions)", does: theirs},
			"grpc.ServerOption": {methods: "apply(*grpc.serverOptions)", does: theirs},
			"grpc.ServerStream": {
				methods: "Context() context.Context; RecvMsg(any) error; SendHeader(metadata.MD) error; SendMsg(any) error; SetHeader(metadata.MD) error; SetTrailer(metadata.MD)",
				does:    kept,
			},
			"grpc.ServerStreamingClient": {
				methods: "Recv() (*Res, error); grpc.ClientStream",
				does:    "generated code makes it of a ClientStream or ServerStream",
			},
			"grpc.ServerStreamingServer": {
				methods: "Send(*Res) error; grpc.ServerStream",
				does:    "generated code makes it of a ClientStream or ServerStream",
			},
			"grpc.ServerTransportStream": {
				methods: "Method() string; SendHeader(metadata.MD) error; SetHeader(metadata.MD) error; SetTrailer(metadata.MD) error",
				does:    "interceptors pass on the context that holds it",
			},
			"grpc.ServiceRegistrar": {
				methods: "RegisterService(*grpc.ServiceDesc, any)",
				does:    "the *grpc.Server stays grpc's own: interceptors are options",
			},
			"grpc.Stream":     {methods: "Context() context.Context; RecvMsg(any) error; SendMsg(any) error", does: kept},
			"stats.ConnStats": {methods: "IsClient() bool; isConnStats()", does: theirs},
			"stats.Handler": {
				methods: "HandleConn(context.Context, stats.ConnStats); HandleRPC(context.Context, stats.RPCStats); TagConn(context.Context, *stats.ConnTagInfo) context.Context; TagRPC(context.Context, *stats.RPCTagInfo) context.Context",
				does:    theirs,
			},
			"stats.RPCStats": {methods: "IsClient() bool; isRPCStats()", does: theirs},
		},
	},
	"contrib/redis": {
		libraries: []string{"github.com/go-redis/redis/v8"},
		operands:  []string{"redis.Hook", "redis.Cmder", "redis.UniversalClient", "redis.Cmdable", "redis.Pipeliner", "context.Context"},
		known: map[string]asked{
			"redis.Cmdable": {methods: "*", does: "a hook sees every command by its name"},
			"redis.Cmder": {
				methods: "Args() []any; Err() error; FullName() string; Name() string; SetErr(error); SetFirstKeyPos(int8); String() string; firstKeyPos() int8; readReply(*proto.Reader) error; readTimeout() *time.Duration; stringArg(int) string",
				does:    theirs,
			},
			"redis.ConsistentHash": {methods: "Get(string) string", does: theirs},
			"redis.Error":          {methods: "RedisError(); error", does: "an error reaches the caller as it is"},
			"redis.Hook": {
				methods: "AfterProcess(context.Context, redis.Cmder) error; AfterProcessPipeline(context.Context, []redis.Cmder) error; BeforeProcess(context.Context, redis.Cmder) (context.Context, error); BeforeProcessPipeline(context.Context, []redis.Cmder) (context.Context, error)",
				does:    kept,
			},
			"redis.Limiter": {methods: "Allow() error; ReportResult(error)", does: theirs},
			"redis.Pipeliner": {
				methods: "Close() error; Discard() error; Do(context.Context, ...any) *redis.Cmd; Exec(context.Context) ([]redis.Cmder, error); Len() int; Process(context.Context, redis.Cmder) error; redis.StatefulCmdable",
				does:    "a hook sees every command by its name",
			},
			"redis.Scripter": {
				methods: "Eval(context.Context, string, []string, ...any) *redis.Cmd; EvalSha(context.Context, string, []string, ...any) *redis.Cmd; ScriptExists(context.Context, ...string) *redis.BoolSliceCmd; ScriptLoad(context.Context, string) *redis.StringCmd",
				does:    "a script runs on the wrapped client",
			},
			"redis.StatefulCmdable": {
				methods: "Auth(context.Context, string) *redis.StatusCmd; AuthACL(context.Context, string, string) *redis.StatusCmd; ClientSetName(context.Context, string) *redis.BoolCmd; Select(context.Context, int) *redis.StatusCmd; SwapDB(context.Context, int, int) *redis.StatusCmd; redis.Cmdable",
				does:    "a hook sees every command by its name",
			},
			"redis.UniversalClient": {
				methods: "AddHook(redis.Hook); Close() error; Context() context.Context; Do(context.Context, ...any) *redis.Cmd; PSubscribe(context.Context, ...string) *redis.PubSub; PoolStats() *redis.PoolStats; Process(context.Context, redis.Cmder) error; Subscribe(context.Context, ...string) *redis.PubSub; Watch(context.Context, func(*redis.Tx) error, ...string) error; redis.Cmdable",
				does:    "the client stays the program's own: Wrap adds a hook to it",
			},
		},
	},
	"contrib/elasticsearch": {
		libraries: []string{"github.com/elastic/elastic-transport-go/v8/elastictransport"},
		helpers:   []string{"github.com/elastic/go-elasticsearch/v8", "github.com/elastic/go-elasticsearch/v8/esapi"},
		operands: []string{
			"elastictransport.Interface", "esapi.Transport", "elastictransport.Instrumentation", "http.RoundTripper", "io.ReadCloser", "io.Reader", "context.Context",
		},
		known: map[string]asked{
			"elastictransport.Closeable":               {methods: "Close(context.Context) error", does: kept},
			"elastictransport.CloseableConnectionPool": {methods: "Close(context.Context) error", does: theirs},
			"elastictransport.ConcurrentSafeConnectionPool": {
				methods: "ConcurrentSafe(); elastictransport.ConnectionPool",
				does:    theirs,
			},
			"elastictransport.ConnectionPool": {
				methods: "Next() (*elastictransport.Connection, error); OnFailure(*elastictransport.Connection) error; OnSuccess(*elastictransport.Connection) error; URLs() []*url.URL",
				does:    theirs,
			},
			"elastictransport.DebuggingLogger": {
				methods: "Log(...any) error; Logf(string, ...any) error",
				does:    theirs,
			},
			"elastictransport.Discoverable": {methods: "DiscoverNodes() error", does: kept},
			"elastictransport.Instrumentation": {
				methods: "AfterRequest(*http.Request, string, string); AfterResponse(context.Context, *http.Response); BeforeRequest(*http.Request, string); Close(context.Context); RecordError(context.Context, error); RecordPathPart(context.Context, string, string); RecordRequestBody(context.Context, string, io.Reader) io.ReadCloser; Start(context.Context, string) context.Context",
				does:    kept,
			},
			"elastictransport.Instrumented": {
				methods: "InstrumentationEnabled() elastictransport.Instrumentation",
				does:    kept,
			},
			"elastictransport.Interface": {methods: "Perform(*http.Request) (*http.Response, error)", does: kept},
			"elastictransport.Logger": {
				methods: "LogRoundTrip(*http.Request, *http.Response, error, time.Time, time.Duration) error; RequestBodyEnabled() bool; ResponseBodyEnabled() bool",
				does:    theirs,
			},
			"elastictransport.Measurable": {methods: "Metrics() (elastictransport.Metrics, error)", does: kept},
			"elastictransport.Selector": {
				methods: "Select([]*elastictransport.Connection) (*elastictransport.Connection, error)",
				does:    theirs,
			},
			"elastictransport.UpdatableConnectionPool": {
				methods: "Update([]*elastictransport.Connection) error",
				does:    theirs,
			},
			"esapi.Transport asked for InstrumentationEnabled": {
				methods: "InstrumentationEnabled() elastictransport.Instrumentation",
				does:    kept,
			},
		},
	},
}

// TestWrappersKnowEveryInterface fails if a release of Go or of a library adds an interface, until
// somebody decides what the wrapper does about it.
func TestWrappersKnowEveryInterface(t *testing.T) {
	var patterns []string
	for wrapper, w := range wrapped {
		patterns = slices.Concat(patterns, w.libraries, w.helpers, []string{module + "/" + wrapper})
	}
	all := load(t, patterns...)
	for wrapper, w := range wrapped {
		t.Run(wrapper, func(t *testing.T) {
			found := map[string]*types.Interface{}
			for _, library := range w.libraries {
				pkg, err := all.Import(library)
				if err != nil {
					t.Fatal(err)
				}
				exported(found, pkg)
			}
			for _, asking := range append(w.helpers, w.libraries...) {
				for path := range all.listed {
					if path == asking || path == asking+"/internal/http2" { // a package of its own since Go 1.27
						_, files, info := all.check(t, path)
						assertions(found, w.operands, files, info)
					}
				}
			}
			replaced := wrappers(all, t, wrapper)
			for name, it := range found {
				known, ok := w.known[name]
				if methods := methodSet(it); !ok || known.methods != methods && known.methods != "*" {
					t.Errorf("what does %s do about %s? Decide, and write:\n%q: {methods: %q, does: %s},", wrapper, name, name, methods, `""`)
				}
				if known.does == kept && !slices.ContainsFunc(replaced, func(t types.Type) bool { return has(t, it) }) {
					t.Errorf("%s has no type with the methods of %s, but this table says that it keeps them: %s", wrapper, name, known.methods)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(w.known)) {
				known := w.known[name]
				expected := version.Compare(runtime.Version(), known.since) >= 0 && (known.until == "" || version.Compare(runtime.Version(), known.until) < 0)
				if found[name] == nil && expected {
					t.Errorf("%s was not found with %s: if it is gone, say until when", name, runtime.Version())
				}
			}
		})
	}
}

// exported adds the exported interface types of pkg.
func exported(found map[string]*types.Interface, pkg *types.Package) {
	for _, name := range pkg.Scope().Names() {
		object, ok := pkg.Scope().Lookup(name).(*types.TypeName)
		if !ok || !object.Exported() {
			continue
		}
		if it, ok := object.Type().Underlying().(*types.Interface); ok && it.NumMethods() > 0 {
			found[pkg.Name()+"."+name] = it
		}
	}
}

// assertions adds the unexported interfaces to which files assert operands.
func assertions(found map[string]*types.Interface, operands []string, files []*ast.File, info *types.Info) {
	note := func(operand, asked ast.Expr) {
		typ := info.TypeOf(asked)
		if typ == nil || !slices.Contains(operands, types.TypeString(info.TypeOf(operand), (*types.Package).Name)) {
			return
		}
		it, ok := typ.Underlying().(*types.Interface)
		if _, known := found[types.TypeString(typ, (*types.Package).Name)]; !ok || known {
			return
		}
		found[types.TypeString(info.TypeOf(operand), (*types.Package).Name)+" asked for "+methodNames(it)] = it
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeAssertExpr:
				if n.Type != nil {
					note(n.X, n.Type)
				}
			case *ast.TypeSwitchStmt:
				var operand ast.Expr
				ast.Inspect(n.Assign, func(n ast.Node) bool {
					if assert, ok := n.(*ast.TypeAssertExpr); ok && operand == nil {
						operand = assert.X
					}
					return true
				})
				for _, clause := range n.Body.List {
					for _, asked := range clause.(*ast.CaseClause).List {
						note(operand, asked)
					}
				}
			}
			return true
		})
	}
}

// wrappers returns the types that a wrapper's package declares, and its anonymous structs.
func wrappers(all *packages, t *testing.T, wrapper string) []types.Type {
	var made []types.Type
	for _, path := range []string{module + "/" + wrapper, module + "/internal/spanutil"} {
		_, _, info := all.check(t, path)
		for _, value := range info.Types {
			typ := value.Type
			if pointer, ok := typ.(*types.Pointer); ok {
				typ = pointer.Elem()
			}
			named, isNamed := typ.(*types.Named)
			_, isStruct := typ.Underlying().(*types.Struct)
			if isNamed && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path && !types.IsInterface(named) || !isNamed && isStruct {
				made = append(made, typ, types.NewPointer(typ))
			}
		}
	}
	return made
}

// has reports whether t has the methods of it. It compares text, since types checked from source
// differ from imported ones.
func has(t types.Type, it *types.Interface) bool {
	for method := range it.Methods() {
		object, _, _ := types.LookupFieldOrMethod(t, false, method.Pkg(), method.Name())
		if theirs, ok := object.(*types.Func); !ok || bare(theirs) != bare(method) {
			return false
		}
	}
	return true
}

// methodSet returns the methods of it as text.
func methodSet(it *types.Interface) string {
	var methods []string
	for embedded := range it.EmbeddedTypes() {
		methods = append(methods, types.TypeString(embedded, (*types.Package).Name))
	}
	for method := range it.ExplicitMethods() {
		methods = append(methods, bare(method))
	}
	slices.Sort(methods)
	return strings.Join(methods, "; ")
}

// bare returns a method as text, without parameter names, which may change in any release.
func bare(method *types.Func) string {
	signature := method.Signature()
	nameless := types.NewSignatureType(nil, nil, nil, unnamed(signature.Params()), unnamed(signature.Results()), signature.Variadic())
	text := method.Name() + strings.TrimPrefix(types.TypeString(nameless, (*types.Package).Name), "func")
	return strings.ReplaceAll(text, "interface{}", "any")
}

func unnamed(tuple *types.Tuple) *types.Tuple {
	var vars []*types.Var
	for v := range tuple.Variables() {
		vars = append(vars, types.NewParam(v.Pos(), v.Pkg(), "", v.Type()))
	}
	return types.NewTuple(vars...)
}

func methodNames(it *types.Interface) string {
	var names []string
	for method := range it.Methods() {
		names = append(names, method.Name())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
