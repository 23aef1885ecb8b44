package ignored

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/go-redis/redis/v8"
)

func sameLine() {
	http.Get("http://example.com") //gaptrace:ignore runs once, at the start
}

func lineAbove(db *sql.DB, ctx context.Context) {
	//gaptrace:ignore a batch of its own
	db.Query("select 1")
	//gaptrace:ignore covers one line
	redis.NewClient(nil)
	redis.NewClient(nil) // want `GT103: redis.NewClient`
}

func firstLine() {
	//gaptrace:ignore for tests
	redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:6379",
	})
}

func noReason() {
	/* want `GT001: //gaptrace:ignore: give the reason after it` */ //gaptrace:ignore
	redis.NewClient(nil)                                            // want `GT103: redis.NewClient`
}

func afterCode() {
	println()            //gaptrace:ignore of this line
	redis.NewClient(nil) // want `GT103: redis.NewClient`
}

func otherComments() {
	//gaptrace:ignored has another name
	redis.NewClient(nil) // want `GT103: redis.NewClient`
	// gaptrace:ignore has a space before its name
	redis.NewClient(nil) // want `GT103: redis.NewClient`
}
