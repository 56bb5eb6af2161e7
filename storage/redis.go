package storage

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// errRedisURL says how an address of Redis is written.
var errRedisURL = errors.New("BAOM_REDIS_URL cannot be read: it is written redis://host:6379/0, with Sentinel redis://host:26379/0?master_name=NAME&addr=host2:26379, a Cluster redis://host:6379?addr=host2:6379")

// openRedis makes a client of one Redis, of the master that Sentinels name (the address has a master_name), or of a Cluster
// (it has further addresses). It tries nothing twice: nothing depends on Redis, and nobody is to wait for it.
func openRedis(address string) (redis.UniversalClient, error) {
	const dial, wait = time.Second, 500 * time.Millisecond
	u, err := url.Parse(address)
	if err != nil {
		return nil, errRedisURL
	}
	switch q := u.Query(); {
	case q.Has("master_name"):
		o, err := redis.ParseFailoverURL(address)
		if err != nil || o.MasterName == "" {
			return nil, errRedisURL
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.MaxRetries, o.DialerRetries = dial, wait, wait, -1, 1
		return redis.NewFailoverClient(o), nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(address)
		if err != nil || strings.Trim(u.Path, "/0") != "" {
			return nil, errRedisURL
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.MaxRedirects, o.DialerRetries = dial, wait, wait, 3, 1
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errRedisURL
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.MaxRetries, o.DialerRetries = dial, wait, wait, -1, 1
	return redis.NewClient(o), nil
}
