package main

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"baom/handlers/whatsapp"
	"baom/storage"
)

// metrics are the figures of /metrics: how much waits to be handled, sent and fetched, and how long the oldest has
// waited. They are read from the record at each scrape and say nothing about anybody.
func metrics(store *storage.Store, shelf *shelf, phone *whatsapp.WhatsApp, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&backlog{store: store, shelf: shelf, log: log})
	if phone != nil {
		registry.MustRegister(&phoneLine{phone})
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

type backlog struct {
	store *storage.Store
	shelf *shelf
	log   *slog.Logger
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Describe names no metric ahead: they are read at each scrape.
func (b *backlog) Describe(chan<- *prometheus.Desc) {}

// Collect reads the backlog from the record.
func (b *backlog) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	stats, err := b.store.Stats(ctx)
	if err != nil {
		b.log.Warn("metrics could not be read", "error", err)
		return
	}
	gauge := func(name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, v)
	}
	gauge("baom_inbox_entries", "Entries that wait to be handled.", float64(stats.Inbox))
	gauge("baom_inbox_oldest_seconds", "How long the oldest due entry has waited.", stats.OldestInbox.Seconds())
	gauge("baom_outbox_messages", "Messages that wait to be sent.", float64(stats.Outbox))
	gauge("baom_outbox_oldest_seconds", "How long the oldest due message has waited.", stats.OldestOutbox.Seconds())
	gauge("baom_media_wanted", "Files that wait to be fetched.", float64(stats.Media))
	gauge("baom_cases_waiting", "Open cases that nobody has taken.", float64(stats.OpenCases))
	gauge("baom_cases_oldest_seconds", "How long the oldest untaken case has waited.", stats.OldestCase.Seconds())
	gauge("baom_set_aside_entries", "Entries that could not be handled and need a look.", float64(stats.SetAside))
	loaded, fault := b.shelf.State()
	gauge("baom_content_loaded_seconds", "When the content in force was read, in Unix time.", float64(loaded.Unix()))
	faulty := 0.0
	if fault != nil {
		faulty = 1
	}
	gauge("baom_content_faulty", "1 while what is in the office's folder has faults and is not in force.", faulty)
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
