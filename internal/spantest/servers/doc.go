// Package servers starts private, real servers for tests (MariaDB, PostgreSQL, Redis, Elasticsearch, Jaeger, Envoy), and
// finds Chromium and the tracing libraries of Python and Node.
//
// Each call starts one more instance, on free ports of 127.0.0.1 and in a temporary directory of its own,
// waits until it answers, and registers a cleanup that stops it and removes the directory. A server that was
// not started here is never touched. Should the test binary be killed, Linux kills its servers too.
//
// A binary is looked for where an environment variable says (GAPTRACE_REDIS, GAPTRACE_REDIS62,
// GAPTRACE_MARIADB, GAPTRACE_JAEGER, GAPTRACE_ENVOY, GAPTRACE_CHROMIUM, GAPTRACE_ELASTICSEARCH_HOME), then on PATH, then under the prefix of
// .ci/install-servers (GAPTRACE_SERVERS, or else ~/.cache/gaptrace-servers).
//
// If a server is missing, or this machine cannot run it, the test is skipped, and the reason says
// what to do. With GAPTRACE_REQUIRE_SERVERS=1, as in CI, the test fails instead. A server that
// crashes, answers wrongly or is not ready in two minutes always fails the test. machine.go decides
// whether it was the machine's fault, from the error of the system call or from what the server
// wrote before it ended.
package servers
