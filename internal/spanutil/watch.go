package spanutil

import "runtime"

// Watch finishes c, tagged abandoned, when result is garbage: it was never consumed nor closed.
// Neither c nor anything that the library keeps may lead to result. To be called before result is handed out.
func Watch[T any](c *Call, result *T) {
	if c != nil {
		watch(result, (*Call).abandon, c)
	}
}

func watch[T any](result *T, abandon func(*Call), c *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.finished { // by another goroutine, which need not have waited for the result
		c.cleanup = runtime.AddCleanup(result, abandon, c)
	}
}

func (c *Call) abandon() {
	c.Tag("abandoned", true)
	c.Finish(nil)
}
