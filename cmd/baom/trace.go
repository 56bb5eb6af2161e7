package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"baom/bot"
	"baom/flows"
)

// A tracer tells an OpenTelemetry collector what an entry goes through: answer, or receive and turn, with the dialogue's
// step inside, and deliver with each send. The spans of one entry share a trace within a process: its id is a hash of the
// entry's key with a key made at the start, which nobody keeps. Attributes are codes and numbers (channel, flow, state,
// result), nobody's words or address. What the queue delivers later is a trace of its own.
type tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	key      [32]byte
}

// The most spans that wait for a collector that is slow or away; what comes then is dropped and holds nobody up.
const waitingSpans = 4096

// newTracer sends to the collector at an address such as http://127.0.0.1:4318, that share of the entries, from 0 to 1.
func newTracer(ctx context.Context, collector string, share float64, log *slog.Logger) (*tracer, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(collector+"/v1/traces"), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("%sTRACES_URL: %w", prefix, err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces could not be sent", "error", err) }))
	t := &tracer{provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(waitingSpans)),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(share)),
		sdktrace.WithIDGenerator(&entryIDs{}),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "baom"))))}
	t.tracer = t.provider.Tracer("baom")
	rand.Read(t.key[:])
	return t, nil
}

// stop sends what waits, if the collector takes it.
func (t *tracer) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// entryIDs makes the ids of spans: a trace begun for an entry has the entry's id.
type entryIDs struct{}

type entryKey struct{}

// NewIDs implements sdktrace.IDGenerator.
func (entryIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(entryKey{}).(trace.TraceID)
	if !ok {
		rand.Read(id[:])
	}
	return id, entryIDs{}.NewSpanID(ctx, id)
}

// NewSpanID implements sdktrace.IDGenerator.
func (entryIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	rand.Read(id[:])
	return id
}

// of is a context in which spans belong to an entry.
func (t *tracer) of(ctx context.Context, e bot.Entry) context.Context {
	sum := hmac.New(sha256.New, t.key[:])
	fmt.Fprintf(sum, "%s\x00%s\x00%s", e.Peer.Channel, e.Peer.ID, e.Key)
	return context.WithValue(ctx, entryKey{}, trace.TraceID(sum.Sum(nil)[:16]))
}

// end closes a span with what came of it. The words of an error stay in the log: here is only that there was one.
func end(span trace.Span, err error) {
	if err != nil && !errors.Is(err, bot.ErrIdle) {
		span.SetStatus(codes.Error, "failed")
	}
	span.End()
}

// A traced journal passes everything on, and tells the collector.
type traced struct {
	bot.Journal
	t *tracer
}

// Receive implements bot.Journal.
func (j *traced) Receive(ctx context.Context, e bot.Entry) (fresh bool, err error) {
	ctx, span := j.t.tracer.Start(j.t.of(ctx, e), "receive", trace.WithAttributes(attribute.String("channel", string(e.Peer.Channel))))
	fresh, err = j.Journal.Receive(ctx, e)
	span.SetAttributes(attribute.Bool("fresh", fresh))
	end(span, err)
	return fresh, err
}

// step tells of one call of the dialogue.
func (t *tracer) step(ctx context.Context, s flows.Session, e bot.Entry, step func(flows.Session, bot.Entry) bot.Turn) bot.Turn {
	_, span := t.tracer.Start(ctx, "step")
	turn := step(s, e)
	span.SetAttributes(attribute.String("flow", s.Flow), attribute.String("state", s.State), attribute.String("to_flow", turn.Session.Flow),
		attribute.String("to_state", turn.Session.State), attribute.Int("replies", len(turn.Send)))
	if turn.Failed != "" {
		span.SetStatus(codes.Error, "set aside")
	}
	span.End()
	return turn
}

// Answer implements bot.Journal.
func (j *traced) Answer(ctx context.Context, e bot.Entry, step func(flows.Session, bot.Entry) bot.Turn) (fresh bool, deliver bot.Deliver, err error) {
	ctx, span := j.t.tracer.Start(j.t.of(ctx, e), "answer", trace.WithAttributes(attribute.String("channel", string(e.Peer.Channel))))
	fresh, do, err := j.Journal.Answer(ctx, e, func(s flows.Session, e bot.Entry) bot.Turn { return j.t.step(ctx, s, e, step) })
	span.SetAttributes(attribute.Bool("fresh", fresh), attribute.Bool("turned", do != nil))
	end(span, err)
	if do == nil {
		return fresh, nil, err
	}
	within := trace.SpanContextFromContext(ctx)
	return fresh, func(ctx context.Context, send func(context.Context, bot.Message) (string, error)) error {
		return j.t.deliver(trace.ContextWithSpanContext(ctx, within), e.Peer.Channel, send, do)
	}, err
}

// Turn implements bot.Journal. Each entry of a group has a span of the whole group's length, in its own trace.
func (j *traced) Turn(ctx context.Context, step func(flows.Session, bot.Entry) bot.Turn) error {
	began := time.Now()
	var mu sync.Mutex
	var spans []trace.Span
	err := j.Journal.Turn(ctx, func(s flows.Session, e bot.Entry) bot.Turn {
		ctx, span := j.t.tracer.Start(j.t.of(ctx, e), "turn", trace.WithTimestamp(began), trace.WithAttributes(attribute.String("channel", string(e.Peer.Channel))))
		mu.Lock()
		spans = append(spans, span)
		mu.Unlock()
		return j.t.step(ctx, s, e, step)
	})
	for _, span := range spans {
		end(span, err)
	}
	return err
}

// Deliver implements bot.Journal.
func (j *traced) Deliver(ctx context.Context, c bot.Channel, send func(context.Context, bot.Message) (string, error)) error {
	return j.t.deliver(ctx, c, send, func(ctx context.Context, send func(context.Context, bot.Message) (string, error)) error {
		return j.Journal.Deliver(ctx, c, send)
	})
}

// deliver tells of what do sends; of a look that found nothing to send, nothing is told.
func (t *tracer) deliver(ctx context.Context, c bot.Channel, send func(context.Context, bot.Message) (string, error), do bot.Deliver) error {
	began := time.Now()
	var once sync.Once
	var span trace.Span
	err := do(ctx, func(sending context.Context, msg bot.Message) (string, error) {
		once.Do(func() {
			ctx, span = t.tracer.Start(ctx, "deliver", trace.WithTimestamp(began), trace.WithAttributes(attribute.String("channel", string(c))))
		})
		sending, one := t.tracer.Start(trace.ContextWithSpan(sending, span), "send", trace.WithAttributes(attribute.Int("attempt", msg.Attempt)))
		id, err := send(sending, msg)
		end(one, err)
		return id, err
	})
	if span != nil {
		end(span, err)
	}
	return err
}

// Fetch implements bot.Journal.
func (j *traced) Fetch(ctx context.Context, c bot.Channel, open func(context.Context, bot.Media) (io.ReadCloser, error)) error {
	began := time.Now()
	var span trace.Span
	err := j.Journal.Fetch(ctx, c, func(ctx context.Context, m bot.Media) (io.ReadCloser, error) {
		ctx, span = j.t.tracer.Start(ctx, "fetch", trace.WithTimestamp(began), trace.WithAttributes(attribute.String("channel", string(c))))
		return open(ctx, m)
	})
	if span != nil {
		end(span, err)
	}
	return err
}
