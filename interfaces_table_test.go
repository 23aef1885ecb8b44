package gaptrace_test

// wrapperInterfaces holds the decisions of each wrapper.
var wrapperInterfaces = map[string]wrapperDecisions{
	"contrib/nethttp": {
		libraries: []string{"net/http"},
		helpers:   []string{"net/http/httputil", "io"},
		operands: []string{
			"http.ResponseWriter", "http.RoundTripper", "http.Handler", "io.ReadCloser", "io.Reader", "io.Writer",
			"context.Context",
		},
		decisions: map[string]interfaceDecision{
			"http.CloseNotifier": {methods: "CloseNotify() <-chan bool", decision: kept},
			"http.CookieJar": {
				methods:  "Cookies(*url.URL) []*http.Cookie; SetCookies(*url.URL, []*http.Cookie)",
				decision: notReplaced,
			},
			"http.File": {
				methods: "Readdir(int) ([]fs.FileInfo, error); Stat() (fs.FileInfo, error); io.Closer; " +
					"io.Reader; io.Seeker",
				decision: notReplaced,
			},
			"http.FileSystem": {methods: "Open(string) (http.File, error)", decision: notReplaced},
			"http.Flusher":    {methods: "Flush()", decision: kept},
			"http.Handler":    {methods: "ServeHTTP(http.ResponseWriter, *http.Request)", decision: kept},
			"http.Handler with BaseContext": {
				methods:  "BaseContext() context.Context",
				until:    "go1.27",
				decision: "asserted of net/http's own handler, which calls the program's",
			},
			"http.Hijacker": {methods: "Hijack() (net.Conn, *bufio.ReadWriter, error)", decision: kept},
			"http.Pusher":   {methods: "Push(string, *http.PushOptions) error", decision: kept},
			"http.ResponseWriter": {
				methods:  "Header() http.Header; Write([]byte) (int, error); WriteHeader(int)",
				decision: kept,
			},
			"http.ResponseWriter with EnableFullDuplex": {
				methods:  "EnableFullDuplex() error",
				decision: "http.ResponseController finds it through Unwrap",
			},
			"http.ResponseWriter with FlushError": {methods: "FlushError() error", decision: kept},
			"http.ResponseWriter with SetReadDeadline": {
				methods:  "SetReadDeadline(time.Time) error",
				decision: "http.ResponseController finds it through Unwrap",
			},
			"http.ResponseWriter with SetWriteDeadline": {
				methods:  "SetWriteDeadline(time.Time) error",
				decision: "http.ResponseController finds it through Unwrap",
			},
			"http.ResponseWriter with Unwrap": {methods: "Unwrap() http.ResponseWriter", decision: kept},
			"http.ResponseWriter with requestTooLarge": {
				methods:  "requestTooLarge()",
				decision: "unexported, so a wrapper cannot have it: see contrib/nethttp/limit.go",
			},
			"http.RoundTripper": {methods: "RoundTrip(*http.Request) (*http.Response, error)", decision: kept},
			"http.RoundTripper with Available, Close, Err, InFlight, Release, Reserve, RoundTrip": {
				methods: "Available() int; Close() error; Err() error; InFlight() int; Release(); " +
					"Reserve() error; RoundTrip(*http.Request) (*http.Response, error)",
				decision: "asserted of net/http's own connections",
			},
			"http.RoundTripper with CancelRequest": {
				methods: "CancelRequest(*http.Request)",
				decision: "deprecated: a recorded request is a copy, which only its context or Cancel channel " +
					"can cancel",
			},
			"http.RoundTripper with Close": {
				methods:  "Close() error",
				since:    "go1.27",
				decision: "asserted of net/http's own connections",
			},
			"http.RoundTripper with CloseIdleConnections": {methods: "CloseIdleConnections()", decision: kept},
			"http.RoundTripper with ConnFromContext, DialFromContext, DisableCompression, ExternalRoundTrip, " +
				"HTTP2Config, IdleConnTimeout, MaxHeaderListSize, Registered, RoundTrip": {
				methods: "ConnFromContext(context.Context) net.Conn; " +
					"DialFromContext(context.Context, string, string) (net.Conn, error); " +
					"DisableCompression() bool; ExternalRoundTrip() bool; HTTP2Config() http.HTTP2Config; " +
					"IdleConnTimeout() time.Duration; MaxHeaderListSize() int64; Registered(*http.Transport); " +
					"RoundTrip(*http.Request) (*http.Response, error)",
				since:    "go1.27",
				decision: "asserted of what was passed to RegisterProtocol",
			},
			"http.RoundTripper with DialClientConn": {
				methods:  "DialClientConn(context.Context, string, *url.URL, func()) (http.RoundTripper, error)",
				since:    "go1.27",
				decision: "asserted of what was passed to RegisterProtocol",
			},
			"http.RoundTripper with NewClientConn": {
				methods:  "NewClientConn(net.Conn, func()) (http.RoundTripper, error)",
				decision: "asserted of what was passed to RegisterProtocol",
			},
			"http.RoundTripper with RoundTripErr": {
				methods:  "RoundTripErr() error",
				decision: "asserted of what TLSNextProto returned to an http.Transport",
			},
			"io.ReadCloser with Close, Read, Write": {
				methods:  "io.Closer; io.Reader; io.Writer",
				decision: "the body of a response that switches protocols is not replaced",
			},
			"io.ReadCloser with Write": {
				methods:  "Write([]byte) (int, error)",
				decision: "the body of a response that switches protocols is not replaced",
			},
			"io.Reader with Close, Read": {
				methods:  "io.Closer; io.Reader",
				decision: "http.NewRequest asserts the program's body",
			},
			"io.Reader with WriteTo": {
				methods:  "WriteTo(io.Writer) (int64, error)",
				decision: "the bodies of net/http have no WriteTo",
			},
			"io.Writer with Close":    {methods: "Close() error", decision: notReplaced},
			"io.Writer with ReadFrom": {methods: "ReadFrom(io.Reader) (int64, error)", decision: kept},
			"io.Writer with WriteByte": {
				methods:  "WriteByte(byte) error",
				decision: "(*http.Request).Write asserts the program's writer",
			},
			"io.Writer with WriteString": {methods: "WriteString(string) (int, error)", decision: kept},
		},
	},
	"contrib/sql": {
		libraries: []string{"database/sql", "database/sql/driver"},
		operands: []string{
			"driver.Connector", "driver.Driver", "driver.Conn", "driver.Stmt", "driver.Tx", "driver.Rows",
			"driver.Result", "context.Context",
		},
		decisions: map[string]interfaceDecision{
			"driver.ColumnConverter": {methods: "ColumnConverter(int) driver.ValueConverter", decision: kept},
			"driver.Conn": {
				methods:  "Begin() (driver.Tx, error); Close() error; Prepare(string) (driver.Stmt, error)",
				decision: kept,
			},
			"driver.ConnBeginTx": {
				methods:  "BeginTx(context.Context, driver.TxOptions) (driver.Tx, error)",
				decision: kept,
			},
			"driver.ConnPrepareContext": {
				methods:  "PrepareContext(context.Context, string) (driver.Stmt, error)",
				decision: kept,
			},
			"driver.Connector": {
				methods:  "Connect(context.Context) (driver.Conn, error); Driver() driver.Driver",
				decision: kept,
			},
			"driver.Connector with Close": {methods: "Close() error", decision: kept},
			"driver.Driver":               {methods: "Open(string) (driver.Conn, error)", decision: kept},
			"driver.DriverContext": {
				methods:  "OpenConnector(string) (driver.Connector, error)",
				decision: kept,
			},
			"driver.Execer": {
				methods:  "Exec(string, []driver.Value) (driver.Result, error)",
				decision: "the wrapper has ExecerContext, which database/sql prefers, and calls Exec from it",
			},
			"driver.ExecerContext": {
				methods:  "ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error)",
				decision: kept,
			},
			"driver.NamedValueChecker": {methods: "CheckNamedValue(*driver.NamedValue) error", decision: kept},
			"driver.Pinger":            {methods: "Ping(context.Context) error", decision: kept},
			"driver.Queryer": {
				methods:  "Query(string, []driver.Value) (driver.Rows, error)",
				decision: "the wrapper has QueryerContext, which database/sql prefers, and calls Query from it",
			},
			"driver.QueryerContext": {
				methods:  "QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error)",
				decision: kept,
			},
			"driver.Result": {
				methods:  "LastInsertId() (int64, error); RowsAffected() (int64, error)",
				decision: notReplaced,
			},
			"driver.Rows": {methods: "Close() error; Columns() []string; Next([]driver.Value) error", decision: kept},
			"driver.RowsColumnScanner": {
				methods:  "NextRow() error; ScanColumn(driver.ScanContext, int, any) error; driver.Rows",
				since:    "go1.27",
				decision: kept,
			},
			"driver.RowsColumnTypeDatabaseTypeName": {
				methods:  "ColumnTypeDatabaseTypeName(int) string; driver.Rows",
				decision: kept,
			},
			"driver.RowsColumnTypeLength": {
				methods:  "ColumnTypeLength(int) (int64, bool); driver.Rows",
				decision: kept,
			},
			"driver.RowsColumnTypeNullable": {
				methods:  "ColumnTypeNullable(int) (bool, bool); driver.Rows",
				decision: kept,
			},
			"driver.RowsColumnTypePrecisionScale": {
				methods:  "ColumnTypePrecisionScale(int) (int64, int64, bool); driver.Rows",
				decision: kept,
			},
			"driver.RowsColumnTypeScanType": {
				methods:  "ColumnTypeScanType(int) reflect.Type; driver.Rows",
				decision: kept,
			},
			"driver.RowsNextResultSet": {
				methods:  "HasNextResultSet() bool; NextResultSet() error; driver.Rows",
				decision: kept,
			},
			"driver.SessionResetter": {methods: "ResetSession(context.Context) error", decision: kept},
			"driver.Stmt": {
				methods: "Close() error; Exec([]driver.Value) (driver.Result, error); NumInput() int; " +
					"Query([]driver.Value) (driver.Rows, error)",
				decision: kept,
			},
			"driver.StmtExecContext": {
				methods:  "ExecContext(context.Context, []driver.NamedValue) (driver.Result, error)",
				decision: kept,
			},
			"driver.StmtQueryContext": {
				methods:  "QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error)",
				decision: kept,
			},
			"driver.Tx":             {methods: "Commit() error; Rollback() error", decision: kept},
			"driver.Validator":      {methods: "IsValid() bool", decision: kept},
			"driver.ValueConverter": {methods: "ConvertValue(any) (driver.Value, error)", decision: notReplaced},
			"driver.Valuer":         {methods: "Value() (driver.Value, error)", decision: notReplaced},
			"sql.Result": {
				methods:  "LastInsertId() (int64, error); RowsAffected() (int64, error)",
				decision: notReplaced,
			},
			"sql.Scanner": {methods: "Scan(any) error", decision: notReplaced},
		},
	},
	"contrib/grpc": {
		libraries: []string{
			"google.golang.org/grpc", "google.golang.org/grpc/stats",
			"google.golang.org/grpc/credentials", "google.golang.org/grpc/metadata",
		},
		operands: []string{
			"grpc.ClientStream", "grpc.ServerStream", "grpc.Stream", "grpc.ClientConnInterface",
			"grpc.ServiceRegistrar", "context.Context",
		},
		decisions: map[string]interfaceDecision{
			"credentials.AuthInfo":           {methods: "AuthType() string", decision: notReplaced},
			"credentials.AuthorityValidator": {methods: "ValidateAuthority(string) error", decision: notReplaced},
			"credentials.Bundle": {
				methods: "NewWithMode(string) (credentials.Bundle, error); " +
					"PerRPCCredentials() credentials.PerRPCCredentials; " +
					"TransportCredentials() credentials.TransportCredentials",
				decision: notReplaced,
			},
			"credentials.ChannelzSecurityInfo": {
				methods:  "GetSecurityValue() credentials.ChannelzSecurityValue",
				decision: notReplaced,
			},
			"credentials.ChannelzSecurityValue": {methods: "isChannelzSecurityValue()", decision: notReplaced},
			"credentials.PerRPCCredentials": {
				methods: "GetRequestMetadata(context.Context, ...string) (map[string]string, error); " +
					"RequireTransportSecurity() bool",
				decision: notReplaced,
			},
			"credentials.TransportCredentials": {
				methods: "ClientHandshake(context.Context, string, net.Conn) " +
					"(net.Conn, credentials.AuthInfo, error); Clone() credentials.TransportCredentials; " +
					"Info() credentials.ProtocolInfo; " +
					"OverrideServerName(string) error; " +
					"ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error)",
				decision: notReplaced,
			},
			"grpc.BidiStreamingClient": {
				methods:  "Recv() (*Res, error); Send(*Req) error; grpc.ClientStream",
				decision: "generated code builds it from a ClientStream or ServerStream",
			},
			"grpc.BidiStreamingServer": {
				methods:  "Recv() (*Req, error); Send(*Res) error; grpc.ServerStream",
				decision: "generated code builds it from a ClientStream or ServerStream",
			},
			"grpc.CallOption": {
				methods:  "after(*grpc.callInfo, *grpc.csAttempt); before(*grpc.callInfo) error",
				decision: notReplaced,
			},
			"grpc.ClientConnInterface": {
				methods: "Invoke(context.Context, string, any, any, ...grpc.CallOption) error; " +
					"NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) " +
					"(grpc.ClientStream, error)",
				decision: "the *grpc.ClientConn is not replaced: interceptors are options",
			},
			"grpc.ClientStream": {
				methods: "CloseSend() error; Context() context.Context; Header() (metadata.MD, error); " +
					"RecvMsg(any) error; SendMsg(any) error; Trailer() metadata.MD",
				decision: kept,
			},
			"grpc.ClientStreamingClient": {
				methods:  "CloseAndRecv() (*Res, error); Send(*Req) error; grpc.ClientStream",
				decision: "generated code builds it from a ClientStream or ServerStream",
			},
			"grpc.ClientStreamingServer": {
				methods:  "Recv() (*Req, error); SendAndClose(*Res) error; grpc.ServerStream",
				decision: "generated code builds it from a ClientStream or ServerStream",
			},
			"grpc.Codec": {
				methods:  "Marshal(any) ([]byte, error); String() string; Unmarshal([]byte, any) error",
				decision: notReplaced,
			},
			"grpc.Compressor":   {methods: "Do(io.Writer, []byte) error; Type() string", decision: notReplaced},
			"grpc.Decompressor": {methods: "Do(io.Reader) ([]byte, error); Type() string", decision: notReplaced},
			"grpc.DialOption":   {methods: "apply(*grpc.dialOptions)", decision: notReplaced},
			"grpc.ServerOption": {methods: "apply(*grpc.serverOptions)", decision: notReplaced},
			"grpc.ServerStream": {
				methods: "Context() context.Context; RecvMsg(any) error; SendHeader(metadata.MD) error; " +
					"SendMsg(any) error; SetHeader(metadata.MD) error; SetTrailer(metadata.MD)",
				decision: kept,
			},
			"grpc.ServerStreamingClient": {
				methods:  "Recv() (*Res, error); grpc.ClientStream",
				decision: "generated code builds it from a ClientStream or ServerStream",
			},
			"grpc.ServerStreamingServer": {
				methods:  "Send(*Res) error; grpc.ServerStream",
				decision: "generated code builds it from a ClientStream or ServerStream",
			},
			"grpc.ServerTransportStream": {
				methods: "Method() string; SendHeader(metadata.MD) error; SetHeader(metadata.MD) error; " +
					"SetTrailer(metadata.MD) error",
				decision: "interceptors pass on the context that carries it",
			},
			"grpc.ServiceRegistrar": {
				methods:  "RegisterService(*grpc.ServiceDesc, any)",
				decision: "the *grpc.Server is not replaced: interceptors are options",
			},
			"grpc.Stream": {
				methods:  "Context() context.Context; RecvMsg(any) error; SendMsg(any) error",
				decision: kept,
			},
			"stats.ConnStats": {methods: "IsClient() bool; isConnStats()", decision: notReplaced},
			"stats.Handler": {
				methods: "HandleConn(context.Context, stats.ConnStats); " +
					"HandleRPC(context.Context, stats.RPCStats); " +
					"TagConn(context.Context, *stats.ConnTagInfo) context.Context; " +
					"TagRPC(context.Context, *stats.RPCTagInfo) context.Context",
				decision: notReplaced,
			},
			"stats.RPCStats": {methods: "IsClient() bool; isRPCStats()", decision: notReplaced},
		},
	},
	"contrib/redis": {
		libraries: []string{"github.com/go-redis/redis/v8"},
		operands: []string{
			"redis.Hook", "redis.Cmder", "redis.UniversalClient", "redis.Cmdable", "redis.Pipeliner",
			"context.Context",
		},
		decisions: map[string]interfaceDecision{
			"redis.Cmdable": {methods: "*", decision: "a hook gets every command"},
			"redis.Cmder": {
				methods: "Args() []any; Err() error; FullName() string; Name() string; SetErr(error); " +
					"SetFirstKeyPos(int8); String() string; firstKeyPos() int8; readReply(*proto.Reader) error; " +
					"readTimeout() *time.Duration; stringArg(int) string",
				decision: notReplaced,
			},
			"redis.ConsistentHash": {methods: "Get(string) string", decision: notReplaced},
			"redis.Error":          {methods: "RedisError(); error", decision: "errors reach the caller unchanged"},
			"redis.Hook": {
				methods: "AfterProcess(context.Context, redis.Cmder) error; " +
					"AfterProcessPipeline(context.Context, []redis.Cmder) error; " +
					"BeforeProcess(context.Context, redis.Cmder) (context.Context, error); " +
					"BeforeProcessPipeline(context.Context, []redis.Cmder) (context.Context, error)",
				decision: kept,
			},
			"redis.Limiter": {methods: "Allow() error; ReportResult(error)", decision: notReplaced},
			"redis.Pipeliner": {
				methods: "Close() error; Discard() error; Do(context.Context, ...any) *redis.Cmd; " +
					"Exec(context.Context) ([]redis.Cmder, error); Len() int; " +
					"Process(context.Context, redis.Cmder) error; redis.StatefulCmdable",
				decision: "a hook gets every command",
			},
			"redis.Scripter": {
				methods: "Eval(context.Context, string, []string, ...any) *redis.Cmd; " +
					"EvalSha(context.Context, string, []string, ...any) *redis.Cmd; " +
					"ScriptExists(context.Context, ...string) *redis.BoolSliceCmd; " +
					"ScriptLoad(context.Context, string) *redis.StringCmd",
				decision: "scripts run on the wrapped client",
			},
			"redis.StatefulCmdable": {
				methods: "Auth(context.Context, string) *redis.StatusCmd; " +
					"AuthACL(context.Context, string, string) *redis.StatusCmd; " +
					"ClientSetName(context.Context, string) *redis.BoolCmd; " +
					"Select(context.Context, int) *redis.StatusCmd; " +
					"SwapDB(context.Context, int, int) *redis.StatusCmd; redis.Cmdable",
				decision: "a hook gets every command",
			},
			"redis.UniversalClient": {
				methods: "AddHook(redis.Hook); Close() error; Context() context.Context; " +
					"Do(context.Context, ...any) *redis.Cmd; " +
					"PSubscribe(context.Context, ...string) *redis.PubSub; PoolStats() *redis.PoolStats; " +
					"Process(context.Context, redis.Cmder) error; " +
					"Subscribe(context.Context, ...string) *redis.PubSub; " +
					"Watch(context.Context, func(*redis.Tx) error, ...string) error; redis.Cmdable",
				decision: "the client is not replaced: Wrap adds a hook to it",
			},
		},
	},
	"contrib/elasticsearch": {
		libraries: []string{"github.com/elastic/elastic-transport-go/v8/elastictransport"},
		helpers:   []string{"github.com/elastic/go-elasticsearch/v8", "github.com/elastic/go-elasticsearch/v8/esapi"},
		operands: []string{
			"elastictransport.Interface", "esapi.Transport", "elastictransport.Instrumentation",
			"http.RoundTripper", "io.ReadCloser", "io.Reader", "context.Context",
		},
		decisions: map[string]interfaceDecision{
			"elastictransport.Closeable": {methods: "Close(context.Context) error", decision: kept},
			"elastictransport.CloseableConnectionPool": {
				methods:  "Close(context.Context) error",
				decision: notReplaced,
			},
			"elastictransport.ConcurrentSafeConnectionPool": {
				methods:  "ConcurrentSafe(); elastictransport.ConnectionPool",
				decision: notReplaced,
			},
			"elastictransport.ConnectionPool": {
				methods: "Next() (*elastictransport.Connection, error); " +
					"OnFailure(*elastictransport.Connection) error; " +
					"OnSuccess(*elastictransport.Connection) error; URLs() []*url.URL",
				decision: notReplaced,
			},
			"elastictransport.DebuggingLogger": {
				methods:  "Log(...any) error; Logf(string, ...any) error",
				decision: notReplaced,
			},
			"elastictransport.Discoverable": {methods: "DiscoverNodes() error", decision: kept},
			"elastictransport.Instrumentation": {
				methods: "AfterRequest(*http.Request, string, string); " +
					"AfterResponse(context.Context, *http.Response); BeforeRequest(*http.Request, string); " +
					"Close(context.Context); RecordError(context.Context, error); " +
					"RecordPathPart(context.Context, string, string); " +
					"RecordRequestBody(context.Context, string, io.Reader) io.ReadCloser; " +
					"Start(context.Context, string) context.Context",
				decision: kept,
			},
			"elastictransport.Instrumented": {
				methods:  "InstrumentationEnabled() elastictransport.Instrumentation",
				decision: kept,
			},
			"elastictransport.Interface": {methods: "Perform(*http.Request) (*http.Response, error)", decision: kept},
			"elastictransport.Logger": {
				methods: "LogRoundTrip(*http.Request, *http.Response, error, time.Time, time.Duration) error; " +
					"RequestBodyEnabled() bool; ResponseBodyEnabled() bool",
				decision: notReplaced,
			},
			"elastictransport.Measurable": {methods: "Metrics() (elastictransport.Metrics, error)", decision: kept},
			"elastictransport.Selector": {
				methods:  "Select([]*elastictransport.Connection) (*elastictransport.Connection, error)",
				decision: notReplaced,
			},
			"elastictransport.UpdatableConnectionPool": {
				methods:  "Update([]*elastictransport.Connection) error",
				decision: notReplaced,
			},
			"esapi.Transport with InstrumentationEnabled": {
				methods:  "InstrumentationEnabled() elastictransport.Instrumentation",
				decision: kept,
			},
		},
	},
}
