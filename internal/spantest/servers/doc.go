// Package servers starts private, real servers for tests: MariaDB, PostgreSQL, Redis,
// Elasticsearch, Jaeger, Zipkin, Envoy, Prometheus and Kafka. It also finds promtool, Chromium, and
// the tracing libraries of Python and Node.
//
// Each call starts a new instance, on free ports of 127.0.0.1 and in its own temporary directory.
// It waits until the server answers, and registers a cleanup that stops the server and removes the
// directory. A server that was not started here is never touched. If the test binary is killed,
// Linux kills its servers, too.
//
// A binary is searched for in three places: an environment variable (GAPTRACE_REDIS,
// GAPTRACE_REDIS62, GAPTRACE_MARIADB, GAPTRACE_JAEGER, GAPTRACE_ZIPKIN, GAPTRACE_ENVOY,
// GAPTRACE_PROMETHEUS, GAPTRACE_PROMTOOL, GAPTRACE_CHROMIUM, GAPTRACE_ELASTICSEARCH_HOME), PATH,
// and the prefix of .ci/install-servers (GAPTRACE_SERVERS, or ~/.cache/gaptrace-servers). Kafka is
// only searched for in GAPTRACE_KAFKA: .ci/run does not install it.
//
// If a server is missing, or this machine cannot run it, the test is skipped, and the reason says
// what to do. With GAPTRACE_REQUIRE_SERVERS=1, as in CI, the test fails instead. A server that
// crashes, answers wrongly or is not ready within two minutes always fails the test. machine.go
// decides whether the machine is the cause, from the error of the system call or from the server's
// output.
package servers
