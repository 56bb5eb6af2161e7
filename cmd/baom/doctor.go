package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/handlers/telegram"
	"baom/storage"
	"baom/storage/local"
)

// A finding is one line of the doctor's: what was looked at, how it is, and what to do about it.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warning or fault
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

// The states of a finding.
const (
	isOK      = "ok"
	isWarning = "warning"
	isFault   = "fault"
)

// An examination looks at everything that serve needs, changes nothing, and says what to do in plain words.
type examination struct {
	c       *config
	french  bool
	now     func() time.Time
	least   uint64 // free bytes below which a disk is at fault
	backups string
	http    *http.Client
	found   []finding
}

// note adds a finding in the language that was asked for. Pairs are French, English.
func (x *examination) note(check, state string, what, do [2]string) {
	i := 1
	if x.french {
		i = 0
	}
	x.found = append(x.found, finding{check, state, what[i], do[i]})
}

// both is a text in French and English with the same values in it; a text for both languages may stand alone.
func both(fr, en string, args ...any) [2]string {
	if len(args) == 0 {
		return [2]string{fr, en}
	}
	return [2]string{fmt.Sprintf(fr, args...), fmt.Sprintf(en, args...)}
}

var nothing [2]string

// doctor examines the installation.
func (p *program) doctor(ctx context.Context, args []string) error {
	f := p.flags("doctor")
	lang := f.String("lang", "fr", "language of the report: fr or en")
	asJSON := f.Bool("json", false, "print JSON")
	dir := f.String("backups", "", "the folder of the backups; empty: BAOM_BACKUP_DIR")
	free := f.Int("free", 500, "the least free disk space, in MB, below which it is a fault")
	if err := parse(f, args); err != nil {
		return err
	}
	if *lang != "fr" && *lang != "en" || f.NArg() > 0 || *free < 0 {
		return fmt.Errorf("%w: the report is in fr or en", errUsage)
	}
	c, settings := readConfig(p.env)
	x := &examination{c: c, french: *lang == "fr", now: time.Now, least: uint64(*free) << 20, backups: c.BackupDir, http: &http.Client{Timeout: 10 * time.Second}}
	if *dir != "" {
		x.backups = *dir
	}
	x.settings(settings)
	x.program()
	x.disks()
	x.content()
	x.record(ctx)
	x.running(ctx)
	x.telegram(ctx)
	x.notices(ctx)
	x.kept()
	faults := 0
	for _, n := range x.found {
		if n.State == isFault {
			faults++
		}
	}
	if err := x.print(p.stdout, *asJSON); err != nil {
		return err
	}
	if faults > 0 {
		return fmt.Errorf("%d of %d checks found a fault", faults, len(x.found))
	}
	return nil
}

// print writes the findings: a word for the state, what it is, and below it what to do.
func (x *examination) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(x.found)
	}
	words := map[string]string{isOK: "ok", isWarning: "warning", isFault: "FAULT"}
	if x.french {
		words = map[string]string{isOK: "ok", isWarning: "attention", isFault: "DÉFAUT"}
	}
	for _, n := range x.found {
		fmt.Fprintf(w, "%-10s %-10s %s\n", words[n.State], n.Check, strings.ReplaceAll(n.What, "\n", "\n"+strings.Repeat(" ", 22)))
		if n.Do != "" {
			fmt.Fprintf(w, "%-21s → %s\n", "", n.Do)
		}
	}
	return nil
}

// settings tells each fault of the settings.
func (x *examination) settings(err error) {
	var list []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	} else if err != nil {
		list = []error{err}
	}
	for _, e := range list {
		x.note("settings", isFault, both("un réglage ne va pas : %v", "a setting is wrong: %v", e),
			both("corrigez-le ; `baom config` les liste tous avec leur sens", "mend it; `baom config` lists all with their meaning"))
	}
	if len(list) == 0 {
		x.note("settings", isOK, both("les réglages se lisent", "the settings can be read"), nothing)
	}
	if url := x.c.PublicURL; strings.HasPrefix(url, "http://") && !loopback(url) {
		x.note("settings", isWarning, both("l'adresse publique %s n'est pas en HTTPS : ce que les gens écrivent passe en clair", "the public address %s is not HTTPS: what people write travels in clear", url),
			both("mettez Caddy devant (cmd/baom/deploy/install.md) et BAOM_PUBLIC_URL=https://…", "put Caddy in front (deploy/install.md) and set BAOM_PUBLIC_URL=https://…"))
	}
	path := filepath.Join(x.c.DataDir, "secret.key")
	if info, err := os.Stat(path); err == nil && info.Mode()&0o077 != 0 {
		x.note("settings", isFault, both("d'autres comptes peuvent lire %s, la clé qui ouvre tout", "other accounts can read %s, the key that opens everything", path), both("chmod 600 %s", "chmod 600 %s", path))
	}
}

func loopback(url string) bool {
	_, host, _ := strings.Cut(url, "://")
	host, _, _ = strings.Cut(host, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// program tells what runs.
func (x *examination) program() {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	x.note("program", isOK, both("baom %s, %s, %s/%s", "baom %s, %s, %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH), nothing)
}

// disks tells how much room there is where the program and its backups write.
func (x *examination) disks() {
	seen := map[any]bool{}
	for _, dir := range []string{x.c.DataDir, x.backups} {
		for dir != "" && dir != "/" && dir != "." { // a folder that is not made yet lies where its parent does
			if _, err := os.Stat(dir); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			if seen[stat.Dev] {
				continue // the same disk
			}
			seen[stat.Dev] = true
		}
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			x.note("disk", isWarning, both("la place libre de %s ne se lit pas : %v", "the free space of %s cannot be read: %v", dir, err), nothing)
			continue
		}
		free, size := uint64(fs.Bavail)*uint64(fs.Bsize), uint64(fs.Blocks)*uint64(fs.Bsize)
		what := both("%s : %s libres sur %s", "%s: %s free of %s", dir, bytesText(free), bytesText(size))
		do := both("faites de la place (anciennes sauvegardes, journaux : journalctl --vacuum-size=200M) ou agrandissez le disque",
			"make room (old backups, logs: journalctl --vacuum-size=200M) or enlarge the disk")
		switch {
		case free < x.least:
			x.note("disk", isFault, what, do)
		case free < size/10 && free < 8*x.least:
			x.note("disk", isWarning, what, do)
		default:
			x.note("disk", isOK, what, nothing)
		}
	}
}

func bytesText(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MB", n>>20)
}

// content tells of the pages, answers and dialogues.
func (x *examination) content() {
	lib, err := library(x.c.ContentDir)
	if err == nil {
		_, err = flows.New(lib)
	}
	if err != nil {
		lines := strings.Split(err.Error(), "\n")
		if len(lines) > 8 {
			lines = append(lines[:8], "…")
		}
		x.note("content", isFault, both("le contenu a des fautes :\n%s", "the content has faults:\n%s", strings.Join(lines, "\n")),
			both("corrigez ces lignes ; `baom check` les montre toutes. Un serve qui tourne garde le dernier contenu bon", "mend these lines; `baom check` shows all. A serve that runs keeps the last good content"))
		return
	}
	x.note("content", isOK, both("%d pages, %d réponses, %d bureaux, sans faute", "%d pages, %d answers, %d offices, no fault", len(lib.PageIDs()), len(lib.Answers()), len(lib.Offices())), nothing)
	if n := len(lib.Overdue(x.now())); n > 0 {
		x.note("content", isWarning, both("%d réponses auraient dû être revérifiées", "%d answers should have been verified again", n),
			both("`baom check -fresh` les liste, la plus ancienne d'abord", "`baom check -fresh` lists them, the oldest first"))
	}
	if n := drafts(lib); n > 0 {
		x.note("content", isWarning, both("%d réponses sont des brouillons", "%d answers are drafts", n), both("faites-les vérifier, puis ôtez « status: draft »", "have them verified, then take `status: draft` away"))
	}
}

// record tells of the database, of Redis, of the key that opens the record, and of what waits in it.
func (x *examination) record(ctx context.Context) {
	s := &services{databaseURL: x.c.DatabaseURL, redisURL: redisOf(x.c.RedisURL)}
	if x.c.DatabaseURL == "" {
		if url, redis := local.Running(x.c.DataDir); url != "" {
			s.databaseURL = url
			if x.c.RedisURL == "" {
				s.redisURL = redis
			}
		} else if _, err := os.Stat(filepath.Join(x.c.DataDir, "postgres", "data")); err != nil {
			x.note("postgres", isWarning, both("pas encore de base : %s est vide", "there is no database yet: %s is empty", x.c.DataDir),
				both("`baom serve` la fait au premier démarrage", "`baom serve` makes it at the first start"))
			return
		} else {
			c := *x.c
			if c.RedisURL == "" {
				c.RedisURL = "none"
			}
			started, err := openServices(ctx, &c, quietLog())
			if err != nil {
				x.note("postgres", isFault, both("la base privée ne démarre pas : %v", "the private database does not start: %v", err),
					both("lisez %s", "read %s", filepath.Join(x.c.DataDir, "postgres", "log")))
				return
			}
			defer started.stop(context.WithoutCancel(ctx))
			s = started
		}
	}
	asking, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	h, err := storage.Examine(asking, s.databaseURL, x.now)
	if err != nil {
		x.note("postgres", isFault, both("la base ne répond pas : %v", "the database does not answer: %v", err),
			both("vérifiez que Postgres tourne (systemctl status postgresql) et BAOM_DATABASE_URL. D'ici là rien n'est perdu : Telegram garde les messages",
				"see that Postgres runs (systemctl status postgresql), and BAOM_DATABASE_URL. Meanwhile nothing is lost: Telegram keeps the messages"))
		return
	}
	x.postgres(h)
	if x.c.WhatsApp == "on" && h.Phones == 0 {
		x.note("whatsapp", isFault, both("WhatsApp est allumé et aucun téléphone n'est lié", "WhatsApp is on and no phone is linked"), both("`baom pair`, ou la page WhatsApp de la console", "`baom pair`, or the console's page WhatsApp"))
	} else if x.c.WhatsApp == "on" {
		x.note("whatsapp", isOK, both("un téléphone est lié ; la console et baom_whatsapp_alarm disent si le lien tient", "a phone is linked; the console and baom_whatsapp_alarm tell whether the link holds"), nothing)
	}
	x.redis(asking, s.redisURL)
	if h.Schema > 0 {
		x.key(asking, s.databaseURL)
	}
	if h.Schema == h.Wanted {
		x.waiting(asking, s.databaseURL)
	}
}

// postgres judges what the database says of itself.
func (x *examination) postgres(h *storage.Health) {
	state, do := isOK, nothing
	switch {
	case h.PostgresMajor < 14:
		state, do = isFault, both("il faut Postgres 14 ou plus récent", "it takes Postgres 14 or newer")
	case h.Encoding != "UTF8":
		state, do = isFault, both("la base n'est pas en UTF8 (%s) : refaites-la, createdb -E UTF8 -T template0, et restaurez une sauvegarde", "the database is not UTF8 (%s): make it again, createdb -E UTF8 -T template0, and restore a backup", h.Encoding)
	case !h.Durable:
		state, do = isWarning, both("fsync ou synchronous_commit est coupé : une panne de courant perdrait des messages ; remettez-les", "fsync or synchronous_commit is off: a power cut would lose messages; put them on")
	case h.Connections*10 > h.MaxConnections*8:
		state, do = isWarning, both("presque toutes les connexions sont prises : augmentez max_connections ou fermez d'autres programmes", "nearly all connections are taken: raise max_connections or stop other programs")
	case h.Wraparound > 0.5:
		state, do = isWarning, both("lancez `vacuum freeze` : les numéros de transaction s'épuisent", "run `vacuum freeze`: the transaction numbers run out")
	}
	x.note("postgres", state, both("Postgres %s, %s, %d connexions sur %d", "Postgres %s, %s, %d connections of %d", h.Postgres, bytesText(uint64(h.Size)), h.Connections, h.MaxConnections), do)
	switch {
	case h.Schema < h.Wanted:
		x.note("schema", isFault, both("les tables sont en version %d, ce programme veut la %d", "the tables are at version %d, this program needs %d", h.Schema, h.Wanted), both("sauvegardez, puis `baom migrate`", "make a backup, then `baom migrate`"))
	case h.Schema > h.Wanted:
		x.note("schema", isFault, both("les tables sont en version %d, ce programme ne connaît que la %d", "the tables are at version %d, this program knows only %d", h.Schema, h.Wanted), both("installez le baom plus récent qui les a faites", "install the newer baom that made them"))
	default:
		x.note("schema", isOK, both("les tables sont à jour (version %d)", "the tables are up to date (version %d)", h.Schema), nothing)
	}
	state, do = isOK, nothing
	if off := h.Clock.Abs(); off > time.Second {
		state, do = isWarning, both("réglez l'heure des deux machines : timedatectl set-ntp true", "set the time of both machines: timedatectl set-ntp true")
		if off > 30*time.Second {
			state = isFault
		}
	}
	x.note("clock", state, both("l'horloge de la base diffère de %v", "the database's clock differs by %v", h.Clock), do)
}

// redis tells of Redis. Nothing is lost without it, so that its absence is a warning.
func (x *examination) redis(ctx context.Context, url string) {
	if url == "" {
		x.note("redis", isOK, both("sans Redis : les conversations sont lues dans la base", "without Redis: conversations are read from the database"), nothing)
		return
	}
	version, err := storage.PingRedis(ctx, url)
	if err != nil {
		x.note("redis", isWarning, both("Redis ne répond pas ; tout marche sans, plus lentement : %v", "Redis does not answer; everything works without, more slowly: %v", err),
			both("systemctl status redis-server, et BAOM_REDIS_URL", "systemctl status redis-server, and BAOM_REDIS_URL"))
		return
	}
	x.note("redis", isOK, both("Redis %s répond", "Redis %s answers", version), nothing)
}

// key tells whether the secret key at hand is the record's.
func (x *examination) key(ctx context.Context, url string) {
	key, err := x.c.keptKey()
	if err == nil {
		err = storage.CheckKey(ctx, url, key)
	}
	switch {
	case errors.Is(err, bot.ErrNotFound):
		x.note("key", isOK, both("rien n'est encore scellé", "nothing is sealed yet"), nothing)
	case err != nil:
		x.note("key", isFault, both("la clé secrète n'ouvre pas la base : %v", "the secret key does not open the record: %v", err),
			both("remettez la clé d'origine (BAOM_SECRET_KEY_FILE) ; n'en faites pas une nouvelle : elle n'ouvrirait rien", "put the original key back (BAOM_SECRET_KEY_FILE); do not make a new one: it would open nothing"))
	default:
		x.note("key", isOK, both("la clé secrète ouvre la base ; gardez-en une copie ailleurs", "the secret key opens the record; keep a copy elsewhere"), nothing)
	}
}

// The waits from which something is wrong.
const (
	lateInbox  = time.Minute
	lateOutbox = 10 * time.Minute
	lateCase   = 3 * 24 * time.Hour
	lateUrgent = 30 * time.Minute
)

// waiting tells of what is still to be done.
func (x *examination) waiting(ctx context.Context, url string) {
	st, err := storage.Waiting(ctx, url)
	if err != nil {
		x.note("waiting", isFault, both("l'attente ne se lit pas : %v", "what waits cannot be read: %v", err), nothing)
		return
	}
	before := len(x.found)
	if st.OldestInbox > lateInbox {
		x.note("waiting", isFault, both("%d messages reçus attendent d'être traités, le plus ancien depuis %s", "%d messages wait to be handled, the oldest for %s", st.Inbox, span(st.OldestInbox)),
			both("le programme tourne-t-il ? systemctl status baom, puis journalctl -u baom", "does the program run? systemctl status baom, then journalctl -u baom"))
	}
	if st.OldestOutbox > lateOutbox {
		x.note("waiting", isFault, both("%d messages attendent d'être envoyés, le plus ancien depuis %s", "%d messages wait to be sent, the oldest for %s", st.Outbox, span(st.OldestOutbox)),
			both("voyez plus bas si Telegram répond, et journalctl -u baom", "see below whether Telegram answers, and journalctl -u baom"))
	}
	if st.SetAside > 0 {
		x.note("waiting", isWarning, both("%d messages n'ont pas pu être traités et sont mis de côté", "%d messages could not be handled and are set aside", st.SetAside),
			both("envoyez aux développeurs la trace de la table set_aside (elle ne contient aucune donnée personnelle)", "send the developers the trace in the table set_aside (it holds nothing personal)"))
	}
	if st.OldestUrgent > lateUrgent {
		x.note("waiting", isFault, both("une personne en danger attend depuis %s que quelqu'un prenne son dossier", "a person in danger has waited for %s for somebody to take the case", span(st.OldestUrgent)),
			both("prenez le dossier dans la console : les urgences sont en haut", "take the case in the console: urgent ones are at the top"))
	}
	if st.OldestCase > lateCase {
		x.note("waiting", isWarning, both("un dossier attend depuis %d jours que quelqu'un le prenne", "a case has waited for %d days for somebody to take it", int(st.OldestCase.Hours()/24)),
			both("regardez la file dans la console", "look at the queue in the console"))
	}
	if len(x.found) == before {
		x.note("waiting", isOK, both("rien n'attend trop longtemps (%d à traiter, %d à envoyer, %d dossiers ouverts)", "nothing waits too long (%d to handle, %d to send, %d open cases)", st.Inbox, st.Outbox, st.OpenCases), nothing)
	}
}

// span is a length of time, in units that both languages have.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// running tells whether serve answers here, and whether people reach it at its public address.
func (x *examination) running(ctx context.Context) {
	here := "http://" + x.c.HTTPAddr
	if host, port, err := net.SplitHostPort(x.c.HTTPAddr); err == nil && (host == "" || host == "0.0.0.0" || host == "::") {
		here = "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	switch status, body, err := x.get(ctx, http.MethodGet, here+"/readyz"); {
	case err != nil:
		x.note("serve", isWarning, both("le programme ne tourne pas sur %s", "the program does not run at %s", x.c.HTTPAddr), both("systemctl start baom", "systemctl start baom"))
	case status == http.StatusServiceUnavailable:
		x.note("serve", isFault, both("le programme tourne mais n'est pas prêt : %s", "the program runs but is not ready: %s", body), both("journalctl -u baom dit pourquoi", "journalctl -u baom says why"))
	case status != http.StatusOK:
		x.note("serve", isFault, both("un autre programme répond sur %s", "another program answers at %s", x.c.HTTPAddr), both("arrêtez-le, ou changez BAOM_HTTP_ADDR", "stop it, or change BAOM_HTTP_ADDR"))
	default:
		x.note("serve", isOK, both("le programme est prêt sur %s", "the program is ready at %s", x.c.HTTPAddr), nothing)
	}
	public := strings.TrimSuffix(x.c.PublicURL, "/")
	if public == "" {
		return
	}
	status, body, err := x.get(ctx, http.MethodGet, public+"/healthz")
	switch {
	case err != nil:
		x.note("public", isFault, both("%s ne répond pas : %v", "%s does not answer: %v", public, err),
			both("vérifiez le nom (DNS), les ports 80 et 443, et le certificat : systemctl status caddy", "check the name (DNS), the ports 80 and 443, and the certificate: systemctl status caddy"))
	case status != http.StatusOK || body != "ok":
		x.note("public", isFault, both("%s répond %d : ce n'est pas ce programme", "%s answers %d: that is not this program", public, status),
			both("le relais (Caddyfile) doit mener à BAOM_HTTP_ADDR", "the proxy (Caddyfile) must lead to BAOM_HTTP_ADDR"))
	default:
		x.note("public", isOK, both("%s répond", "%s answers", public), nothing)
	}
}

// get asks a page for its status and the beginning of its words.
func (x *examination) get(ctx context.Context, method, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := x.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	return resp.StatusCode, strings.TrimSpace(string(data)), err
}

// telegram tells whether Telegram knows the bot and reaches it.
func (x *examination) telegram(ctx context.Context) {
	c := x.c
	if c.TelegramToken == "" {
		x.note("telegram", isOK, both("pas de bot Telegram réglé", "no Telegram bot is set"), nothing)
		return
	}
	t, err := telegram.New(telegram.Config{Token: c.TelegramToken, APIURL: c.TelegramAPIURL, Mode: c.TelegramMode, Secret: c.TelegramSecret, HTTP: x.http})
	if err != nil {
		x.note("telegram", isFault, both("%v", "%v", err), both("corrigez ce réglage ; le jeton se reprend chez @BotFather (/mybots, API Token)", "mend this setting; the token is had from @BotFather (/mybots, API Token)"))
		return
	}
	s, err := t.Examine(ctx)
	hook := strings.TrimSuffix(c.PublicURL, "/") + "/telegram/webhook"
	switch {
	case err != nil:
		x.note("telegram", isFault, both("Telegram ne répond pas : %v", "Telegram does not answer: %v", err), both("vérifiez que la machine atteint %s", "see that the machine reaches %s", c.TelegramAPIURL))
	case !s.Known:
		x.note("telegram", isFault, both("Telegram ne connaît pas ce jeton", "Telegram does not know this token"), both("reprenez le jeton chez @BotFather (/mybots, API Token)", "take the token from @BotFather again (/mybots, API Token)"))
	case c.TelegramMode == "webhook" && s.Webhook != hook:
		x.note("telegram", isFault, both("@%s : Telegram n'envoie rien ici (webhook : %q)", "@%s: Telegram sends nothing here (webhook: %q)", s.Name, s.Webhook),
			both("relancez serve avec BAOM_PUBLIC_URL : il pose le webhook lui-même", "start serve again with BAOM_PUBLIC_URL: it sets the webhook itself"))
	case c.TelegramMode != "webhook" && s.Webhook != "":
		x.note("telegram", isFault, both("@%s : un webhook est posé ailleurs (%s), et ce programme demande lui-même", "@%s: a webhook is set elsewhere (%s), and this program polls", s.Name, s.Webhook),
			both("arrêtez l'autre programme et relancez serve, qui ôte le webhook ; ou réglez BAOM_TELEGRAM_MODE=webhook", "stop the other program and start serve again, which takes the webhook away; or set BAOM_TELEGRAM_MODE=webhook"))
	case s.Fault != "" && x.now().Sub(s.FaultAt) < time.Hour:
		x.note("telegram", isWarning, both("@%s : Telegram a échoué à écrire ici à %s : %s", "@%s: Telegram failed to write here at %s: %s", s.Name, s.FaultAt.Format(time.TimeOnly), s.Fault),
			both("voyez plus haut si l'adresse publique répond", "see above whether the public address answers"))
	case s.Pending > 100:
		x.note("telegram", isWarning, both("@%s : %d messages attendent chez Telegram", "@%s: %d messages wait at Telegram", s.Name, s.Pending), both("le programme tourne-t-il ?", "does the program run?"))
	default:
		x.note("telegram", isOK, both("@%s est joint, %d messages en attente", "@%s is reached, %d messages waiting", s.Name, s.Pending), nothing)
	}
	if err == nil && c.TelegramMode == "webhook" && c.PublicURL != "" {
		if status, _, err := x.get(ctx, http.MethodPost, hook); err == nil && status != http.StatusUnauthorized {
			x.note("webhook", isFault, both("%s répond %d à qui n'a pas le secret, au lieu de 401", "%s answers %d to who has no secret, instead of 401", hook, status),
				both("le relais doit laisser passer POST /telegram/webhook jusqu'au programme", "the proxy must let POST /telegram/webhook through to the program"))
		}
	}
}

// kept tells of the backups.
func (x *examination) kept() {
	if x.backups == "" {
		x.note("backups", isWarning, both("aucun dossier de sauvegardes n'est réglé", "no folder of backups is set"), both("réglez BAOM_BACKUP_DIR et le minuteur baom-backup (cmd/baom/deploy/install.md)", "set BAOM_BACKUP_DIR and the timer baom-backup (deploy/install.md)"))
		return
	}
	list, err := backups(x.backups)
	do := both("`baom backup`, puis systemctl status baom-backup.timer", "`baom backup`, then systemctl status baom-backup.timer")
	if err != nil || len(list) == 0 {
		x.note("backups", isFault, both("aucune sauvegarde dans %s", "there is no backup in %s", x.backups), do)
		return
	}
	last := list[len(list)-1]
	age := x.now().Sub(last.at)
	what := both("sauvegardes : %d ; la dernière a été faite il y a %s", "backups: %d; the newest was made %s ago", len(list), span(age))
	switch {
	case age > 7*24*time.Hour:
		x.note("backups", isFault, what, do)
	case age > 36*time.Hour:
		x.note("backups", isWarning, what, do)
	default:
		x.note("backups", isOK, what, nothing)
	}
	if info, err := os.Stat(last.path); err == nil && info.Mode()&0o077 != 0 {
		x.note("backups", isWarning, both("d'autres comptes peuvent lire %s", "other accounts can read %s", last.path), both("chmod 600 %s", "chmod 600 %s", last.path))
	}
}
