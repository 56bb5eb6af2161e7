package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

type target struct{ token, api, database, redis, addr string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c := target{"1000001:loadgen", "http://127.0.0.1:9977", os.Getenv("BAOM_DATABASE_URL"), os.Getenv("BAOM_REDIS_URL"), os.Getenv("BAOM_HTTP_ADDR")}
	flag.Parse()
	fmt.Println(serveNaive(ctx, c, flag.Arg(0) == "echo"))
}
