package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"baom/bot"
)

// A config is the settings: environment only, each also as …_FILE that names a file holding the value.
type config struct {
	DatabaseURL    string `env:"DATABASE_URL" secret:"yes" help:"Postgres; empty starts a private one in DATA_DIR"`
	RedisURL       string `env:"REDIS_URL" secret:"yes" help:"Redis, with ?master_name=…&addr=… its Sentinels, with ?addr=… a Cluster; empty starts a private one; none does without"`
	DataDir        string `env:"DATA_DIR" help:"where the private Postgres and the secret key live; empty: baom in the user's state folder"`
	HTTPAddr       string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" help:"where the web chat and the console listen; port 0 takes a free one"`
	PublicURL      string `env:"PUBLIC_URL" help:"the address people use, https://… in production"`
	TelegramToken  string `env:"TELEGRAM_TOKEN" secret:"yes" help:"of the office's Telegram bot; empty: no Telegram"`
	TelegramAPIURL string `env:"TELEGRAM_API_URL" envDefault:"https://api.telegram.org" help:"the Bot API's address"`
	TelegramMode   string `env:"TELEGRAM_MODE" envDefault:"poll" help:"poll or webhook"`
	TelegramSecret string `env:"TELEGRAM_SECRET" secret:"yes" help:"the webhook's secret token"`
	WhatsApp       string `env:"WHATSAPP" envDefault:"off" help:"off or on; baom pair, or the console, links the office's telephone"`
	WhatsAppPause  string `env:"WHATSAPP_PAUSE" envDefault:"1.2s" help:"before each WhatsApp message to the same person"`
	WhatsAppRate   string `env:"WHATSAPP_PER_MINUTE" envDefault:"40" help:"WhatsApp messages a minute, to everybody together"`
	WhatsAppPolls  string `env:"WHATSAPP_POLLS" envDefault:"off" help:"off or on: a WhatsApp poll beside the numbered choices"`
	MailServer     string `env:"MAIL_SERVER" help:"of the digest of the day to officers: host:587 (STARTTLS) or host:465; empty: no mail"`
	MailUser       string `env:"MAIL_USER" help:"log-in at the mail server; empty: without"`
	MailPassword   string `env:"MAIL_PASSWORD" secret:"yes" help:"and its password"`
	MailFrom       string `env:"MAIL_FROM" help:"the address that the digest comes from"`
	ContentDir     string `env:"CONTENT_DIR" help:"the office's own content, laid over the program's, file by file"`
	SearchLearns   string `env:"SEARCH_LEARNS" envDefault:"on" help:"on or off: whether the search learns from the phrasings after the start, once for each content"`
	BackupDir      string `env:"BACKUP_DIR" help:"the folder of the backups: where baom backup puts them, and whose age doctor and /metrics tell"`
	TracesURL      string `env:"TRACES_URL" help:"an OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; empty: no traces"`
	TracesShare    string `env:"TRACES_SHARE" envDefault:"1" help:"which share of the messages is traced, from 0 to 1"`
	SecondFactor   string `env:"SECOND_FACTOR" help:"the roles that work in the console only with a code of their telephone, by comma, such as admin,head; empty: whoever wants to"`
	SecretKey      string `env:"SECRET_KEY" secret:"yes" help:"32 bytes in hexadecimal that seal personal data; empty: made once in DATA_DIR"`
	AdminPassword  string `env:"ADMIN_PASSWORD" secret:"yes" help:"of the first administrator; empty: one is made and printed once"`

	secret []byte
	second []string      // of SECOND_FACTOR
	pause  time.Duration // of WHATSAPP_PAUSE
	rate   int           // of WHATSAPP_PER_MINUTE
	share  float64       // of TRACES_SHARE
	demo   bool          // serve -demo
}

const prefix = "BAOM_"

// readConfig reads the settings. Every fault is told at once: unknown names with the nearest known one, unreadable
// files, values that make no sense.
func readConfig(environ []string) (*config, error) {
	var faults []error
	values := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, prefix+"TEST_") {
			values[name] = value
		}
	}
	known := settings()
	for _, name := range slices.Sorted(keys(values)) {
		plain, isFile := strings.CutSuffix(name, "_FILE")
		switch {
		case slices.Contains(known, name):
		case isFile && slices.Contains(known, plain):
			if _, both := values[plain]; both {
				faults = append(faults, fmt.Errorf("%s and %s are both set: keep one", plain, name))
				continue
			}
			data, err := os.ReadFile(values[name])
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
			values[plain] = strings.TrimSpace(string(data))
			delete(values, name)
		default:
			faults = append(faults, fmt.Errorf("there is no setting %s; did you mean %s?", name, nearest(name, known)))
			delete(values, name)
		}
	}
	c := &config{}
	if err := env.ParseWithOptions(c, env.Options{Prefix: prefix, Environment: values}); err != nil {
		faults = append(faults, err)
	}
	c.complete(environ)
	return c, errors.Join(append(faults, c.faults()...)...)
}

// learnt is the folder where what the search learns is kept.
func (c *config) learnt() string { return filepath.Join(c.DataDir, "search") }

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// settings are the names of all settings.
func settings() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config]()) {
		if name := f.Tag.Get("env"); name != "" {
			names = append(names, prefix+name)
		}
	}
	return names
}

// complete fills in what depends on the machine.
func (c *config) complete(environ []string) {
	if c.DataDir == "" {
		get := func(name string) string {
			for _, kv := range environ {
				if v, ok := strings.CutPrefix(kv, name+"="); ok {
					return v
				}
			}
			return ""
		}
		switch state, home := get("XDG_STATE_HOME"), get("HOME"); {
		case state != "":
			c.DataDir = filepath.Join(state, "baom")
		case home != "":
			c.DataDir = filepath.Join(home, ".local", "state", "baom")
		default:
			c.DataDir = filepath.Join(os.TempDir(), "baom")
		}
	}
	if abs, err := filepath.Abs(c.DataDir); err == nil {
		c.DataDir = abs
	}
}

func (c *config) faults() []error {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s%s: %s", prefix, name, fmt.Sprintf(format, args...)))
	}
	oneOf := func(name, value string, of ...string) {
		if !slices.Contains(of, value) {
			fault(name, "%q is not one of %s", value, strings.Join(of, ", "))
		}
	}
	oneOf("TELEGRAM_MODE", c.TelegramMode, "poll", "webhook")
	oneOf("SEARCH_LEARNS", c.SearchLearns, "on", "off")
	oneOf("WHATSAPP", c.WhatsApp, "off", "on")
	oneOf("WHATSAPP_POLLS", c.WhatsAppPolls, "off", "on")
	for _, role := range strings.FieldsFunc(c.SecondFactor, func(r rune) bool { return r == ',' || r == ' ' }) {
		oneOf("SECOND_FACTOR", role, bot.Roles()...)
		c.second = append(c.second, role)
	}
	var err error
	if c.pause, err = time.ParseDuration(c.WhatsAppPause); err != nil || c.pause < 0 || c.pause > 10*time.Second {
		fault("WHATSAPP_PAUSE", "%q is not a time between 0s and 10s, such as 1.2s", c.WhatsAppPause)
	}
	if c.rate, err = strconv.Atoi(c.WhatsAppRate); err != nil || c.rate < 1 || c.rate > 60000 {
		fault("WHATSAPP_PER_MINUTE", "%q is not a number from 1 to 60000; a telephone number that sends like a machine is banned", c.WhatsAppRate)
	}
	if c.share, err = strconv.ParseFloat(c.TracesShare, 64); err != nil || !(c.share >= 0 && c.share <= 1) {
		fault("TRACES_SHARE", "%q is not a number from 0 to 1, such as 0.1", c.TracesShare)
	}
	if c.TracesURL != "" {
		if u, err := url.Parse(c.TracesURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
			fault("TRACES_URL", "%q is not an address such as http://127.0.0.1:4318", c.TracesURL)
		}
		c.TracesURL = strings.TrimRight(c.TracesURL, "/")
	}
	if c.TelegramMode == "webhook" && c.TelegramToken != "" && c.TelegramSecret == "" {
		fault("TELEGRAM_SECRET", "webhook mode needs a secret token, 1 to 256 of A-Z a-z 0-9 _ -")
	}
	if c.MailServer != "" {
		if _, err := c.mail(); err != nil {
			fault("MAIL_SERVER", "%v (with MAIL_USER, MAIL_PASSWORD and MAIL_FROM)", err)
		}
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			fault("PUBLIC_URL", "%q is not an address such as https://baom.example.ma", c.PublicURL)
		}
	}
	if c.SecretKey != "" {
		key, err := hex.DecodeString(c.SecretKey)
		if err != nil || len(key) != 32 {
			fault("SECRET_KEY", "it takes 32 bytes as 64 hexadecimal digits (openssl rand -hex 32 makes them)")
		}
		c.secret = key
	}
	if n := len(c.AdminPassword); n > 0 && n < 10 {
		fault("ADMIN_PASSWORD", "it takes at least 10 characters")
	}
	return faults
}

// demonstrate sets what a demonstration needs: a data folder of its own and no Redis that others use. A channel on which real
// people write is an error.
func (c *config) demonstrate() error {
	if c.TelegramToken != "" || c.WhatsApp == "on" {
		return fmt.Errorf("a demonstration is never together with real channels: leave %[1]sTELEGRAM_TOKEN empty and %[1]sWHATSAPP off", prefix)
	}
	c.demo, c.DataDir, c.AdminPassword = true, filepath.Join(c.DataDir, "demo"), ""
	if c.DatabaseURL != "" {
		c.RedisURL = "none"
	}
	return nil
}

// secretKey is the key that seals personal data: from the settings, or from DATA_DIR where it is made on first use.
func (c *config) secretKey() ([]byte, error) {
	if c.secret != nil {
		return c.secret, nil
	}
	if c.DatabaseURL != "" {
		return nil, fmt.Errorf("%sSECRET_KEY is needed with a database of your own: openssl rand -hex 32 makes one; keep it safe, apart from backups", prefix)
	}
	if err := os.MkdirAll(c.DataDir, 0o711); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(c.DataDir, "secret.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key := make([]byte, 32)
		rand.Read(key)
		data = []byte(hex.EncodeToString(key) + "\n")
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("the secret key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s does not hold 64 hexadecimal digits; without the right key nothing sealed can be read: restore it from where you keep it", path)
	}
	return key, nil
}

// config prints the settings in force, secrets hidden.
func (p *program) config(_ context.Context, args []string) error {
	f := p.flags("config")
	if err := parse(f, args); err != nil {
		return err
	}
	c, err := readConfig(p.env)
	v := reflect.ValueOf(*c)
	for _, field := range reflect.VisibleFields(v.Type()) {
		name := field.Tag.Get("env")
		if name == "" {
			continue
		}
		value := v.FieldByIndex(field.Index).String()
		if value != "" && field.Tag.Get("secret") != "" {
			value = "(hidden)"
		}
		fmt.Fprintf(p.stdout, "%-24s %-30s # %s\n", prefix+name, value, field.Tag.Get("help"))
	}
	return err
}
