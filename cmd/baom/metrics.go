package main

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"baom/content"
	"baom/handlers/whatsapp"
	"baom/storage"
)

// newRegistry holds the figures of /metrics that are read at each scrape: how much waits to be handled, sent and fetched,
// how long the oldest has waited, the state of the content and of the backups, and what the process uses. They say nothing
// about anybody.
func newRegistry(store *storage.Store, shelf *shelf, backupDir string, log *slog.Logger) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&backlog{store: store, shelf: shelf, backups: backupDir, log: log}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

func metrics(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

type backlog struct {
	store   *storage.Store
	shelf   *shelf
	backups string
	log     *slog.Logger
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Describe names no metric ahead: they are read at each scrape.
func (b *backlog) Describe(chan<- *prometheus.Desc) {}

// Collect reads the figures.
func (b *backlog) Collect(out chan<- prometheus.Metric) {
	gauge := func(name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, v)
	}
	b.record(gauge)
	b.content(gauge)
	if b.backups != "" {
		at := 0.0
		if list, err := backups(b.backups); err == nil && len(list) > 0 {
			at = float64(list[len(list)-1].at.Unix())
		}
		gauge("baom_backup_last_timestamp_seconds", "When the newest backup was made, in Unix time; 0 if there is none.", at)
	}
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc("baom_build_info", "The version that runs.", []string{"version"}, nil), prometheus.GaugeValue, 1, version)
}

// record reads what waits.
func (b *backlog) record(gauge func(name, help string, v float64)) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	stats, err := b.store.Stats(ctx)
	up := 1.0
	if err != nil {
		b.log.Warn("metrics could not be read", "error", err)
		up = 0
	}
	gauge("baom_record_up", "1 while the record can be reached.", up)
	if err != nil {
		return
	}
	gauge("baom_inbox_entries", "Entries that wait to be handled.", float64(stats.Inbox))
	gauge("baom_inbox_oldest_seconds", "How long the oldest due entry has waited.", stats.OldestInbox.Seconds())
	gauge("baom_outbox_messages", "Messages that wait to be sent.", float64(stats.Outbox))
	gauge("baom_outbox_oldest_seconds", "How long the oldest due message has waited.", max(0, stats.OldestOutbox.Seconds()))
	gauge("baom_media_wanted", "Files that wait to be fetched.", float64(stats.Media))
	gauge("baom_cases_waiting", "Open cases that nobody has taken.", float64(stats.OpenCases))
	gauge("baom_cases_oldest_seconds", "How long the oldest untaken case has waited.", stats.OldestCase.Seconds())
	gauge("baom_urgent_oldest_seconds", "How long the oldest untaken case of a person in danger has waited.", stats.OldestUrgent.Seconds())
	gauge("baom_set_aside_entries", "Entries that could not be handled and need a look.", float64(stats.SetAside))
}

// content reads the state of the content in force.
func (b *backlog) content(gauge func(name, help string, v float64)) {
	loaded, fault := b.shelf.State()
	gauge("baom_content_loaded_seconds", "When the content in force was read, in Unix time.", float64(loaded.Unix()))
	faulty := 0.0
	if fault != nil {
		faulty = 1
	}
	gauge("baom_content_faulty", "1 while what is in the office's folder has faults and is not in force.", faulty)
	lib := b.shelf.Library()
	gauge("baom_content_answers", "Answers of the content in force.", float64(len(lib.Answers())))
	gauge("baom_content_drafts", "Answers of which the French text is a draft that nobody has verified.", float64(drafts(lib)))
	gauge("baom_content_overdue", "What should have been verified again by now.", float64(len(lib.Overdue(time.Now()))))
}

// drafts counts the answers whose French text is a draft.
func drafts(lib *content.Library) (n int) {
	for _, a := range lib.Answers() {
		if a.Status[content.French] == "draft" {
			n++
		}
	}
	return n
}

// A phoneLine tells how WhatsApp's link stands.
type phoneLine struct{ phone *whatsapp.WhatsApp }

// Describe names no metric ahead.
func (*phoneLine) Describe(chan<- *prometheus.Desc) {}

// Collect reads the state of the link, and how often WhatsApp refused a message.
func (l *phoneLine) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	link := l.phone.Link(ctx)
	metric := func(name, help string, kind prometheus.ValueType, v float64, labels, values []string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), kind, v, values...)
	}
	metric("baom_whatsapp_link", "1 for the state of WhatsApp's link.", prometheus.GaugeValue, 1, []string{"state"}, []string{string(link.State)})
	alarm := 0.0
	if link.State.Alarming() {
		alarm = 1
	}
	metric("baom_whatsapp_alarm", "1 if WhatsApp's link needs an administrator: logged out, banned, outdated.", prometheus.GaugeValue, alarm, nil, nil)
	if !link.Until.IsZero() {
		metric("baom_whatsapp_banned_until_seconds", "When the ban ends, in seconds since 1970.", prometheus.GaugeValue, float64(link.Until.Unix()), nil, nil)
	}
	for code, n := range link.Errors {
		metric("baom_whatsapp_refusals_total", "Messages that WhatsApp refused, by its code.", prometheus.CounterValue, float64(n), []string{"code"}, []string{strconv.Itoa(code)})
	}
}
