package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"baom/bot"
)

// The errors of a pairing that have a remedy.
var (
	ErrPaired = errors.New("a telephone is paired already: remove this device on it first, under Linked devices")
	ErrBusy   = errors.New("another process has the line, or pairs now: stop it, or pair in its console")
)

// pairingTime is how long a telephone has to be paired. The six QRs are good for less than three minutes.
const pairingTime = 4 * time.Minute

// Pair pairs a telephone. show is called with each QR to scan or, where a phone number is given, with the code to enter on
// that telephone; its link also tells where a passkey is asked for. Pair returns when the telephone has let us in.
// ErrPaired, ErrBusy, or an error that says what went wrong.
func (w *WhatsApp) Pair(ctx context.Context, phone string, show func(bot.Link)) error {
	if !w.pairing.TryLock() {
		return ErrBusy
	}
	defer w.pairing.Unlock()
	if paired, err := w.paired(ctx); err != nil || paired {
		if err == nil {
			err = ErrPaired
		}
		return err
	}
	held, release, ok, err := w.hold(ctx)
	for tries := 0; err == nil && !ok && tries < 20; tries++ { // somebody may just be letting go of it
		sleep(ctx, 100*time.Millisecond)
		held, release, ok, err = w.hold(ctx)
	}
	if err != nil || !ok {
		if err == nil {
			err = ErrBusy
		}
		return err
	}
	defer w.poke()
	defer release()
	held, cancel := context.WithTimeout(held, pairingTime)
	defer cancel()
	err = w.pair(held, phone, func(link bot.Link) {
		w.stand(held, link)
		show(link)
	})
	link := bot.Link{State: bot.LinkUnpaired}
	if err != nil {
		link.Problem = err.Error()
	} else {
		link.State = bot.LinkConnecting
	}
	w.mu.Lock()
	link.Since, w.link = w.Now(), link
	w.mu.Unlock()
	return err
}

// pair shows codes until the telephone lets us in, then connects once, so that the telephone sees it is done. Messages that
// come meanwhile are not acknowledged: they come again.
func (w *WhatsApp) pair(ctx context.Context, phone string, show func(bot.Link)) error {
	dev := w.vessel.NewDevice()
	// As in carry, whatsmeow's context ends after it is disconnected.
	wire, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	cli := w.client(wire, dev)
	cli.InitialAutoReconnect = false
	connected := make(chan struct{}, 1)
	cli.AddEventHandlerWithSuccessStatus(func(e any) bool {
		switch e.(type) {
		case *events.Message, *events.UndecryptableMessage:
			return false
		case *events.PairSuccess:
			w.guard(dev)
		case *events.Connected:
			select {
			case connected <- struct{}{}:
			default:
			}
		}
		return true
	})
	codes, err := cli.GetQRChannel(wire)
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	defer cli.Disconnect()
	stop := context.AfterFunc(ctx, cut)
	err = cli.Connect()
	stop()
	if err != nil {
		return fmt.Errorf("WhatsApp cannot be reached: %w", err)
	}
	asked := false
	for {
		var item whatsmeow.QRChannelItem // its zero, where the channel is closed
		select {
		case item = <-codes:
		case <-ctx.Done():
			item = whatsmeow.QRChannelTimeout
		}
		link := bot.Link{State: bot.LinkPairing, Expires: w.Now().Add(item.Timeout)}
		switch item.Event {
		case whatsmeow.QRChannelEventCode:
			if phone == "" {
				link.QR = item.Code
				show(link)
				continue
			}
			if asked {
				continue
			}
			asked = true
			if link.Enter, err = cli.PairPhone(ctx, phone, true, whatsmeow.PairClientChrome, "Chrome (Linux)"); err != nil {
				return phoneError(err)
			}
			link.Expires = w.Now().Add(pairingTime)
			show(link)
		case whatsmeow.QRChannelEventPasskeyRequest:
			link.Passkey = true
			show(link)
		case whatsmeow.QRChannelEventPasskeyResponse:
			link.Passkey = true
			if item.PasskeyConfirmation != nil {
				link.Enter = item.PasskeyConfirmation.Code
			}
			show(link)
		case whatsmeow.QRChannelSuccess.Event:
			return w.welcomed(ctx, connected)
		default:
			return pairingError(item)
		}
	}
}

// welcomed waits until the new device is online.
func (w *WhatsApp) welcomed(ctx context.Context, connected <-chan struct{}) error {
	select {
	case <-connected:
		sleep(ctx, w.Linger)
		return nil
	case <-ctx.Done():
		return errors.New("the telephone is paired, but WhatsApp did not let the new device in in time: it is tried again")
	}
}

func phoneError(err error) error {
	if errors.Is(err, whatsmeow.ErrPhoneNumberTooShort) || errors.Is(err, whatsmeow.ErrPhoneNumberIsNotInternational) {
		return errors.New("the phone number is written with its country, such as +212612345678")
	}
	return errors.New("WhatsApp gives no code for this number now: check it, or pair by QR")
}

func pairingError(item whatsmeow.QRChannelItem) error {
	switch item.Event {
	case whatsmeow.QRChannelTimeout.Event, "":
		return errors.New("nobody scanned the code in time")
	case whatsmeow.QRChannelClientOutdated.Event:
		return errors.New("WhatsApp takes no clients as old as this program: update it")
	case whatsmeow.QRChannelScannedWithoutMultidevice.Event:
		return errors.New("the telephone's WhatsApp is too old: update it, and pair again")
	}
	return errors.New("the pairing failed: try again")
}

// Unpair removes this device from the telephone's list and forgets the pairing's keys.
func (w *WhatsApp) Unpair(ctx context.Context) error {
	l := w.line.Load()
	if l == nil || !l.IsLoggedIn() {
		return errors.New("there is no line: remove the device on the telephone, under Linked devices")
	}
	if err := l.Logout(ctx); err != nil {
		return fmt.Errorf("unpair: %T", err)
	}
	select {
	case l.over <- ending{link: bot.Link{State: bot.LinkUnpaired}}:
	default:
	}
	return nil
}
