// Package whatsapptest is a WhatsApp server for tests, and people with telephones who write to the office's number.
//
// A Server behaves as WhatsApp's own does where it matters to a client of whatsmeow, which is used unmodified on both
// sides: real Noise, real Signal encryption from telephone to program, pairing by QR and by code, devices, acks and
// receipts, offline queues, media, presence, trusted-contact tokens, and addressing by phone number or by LID. A stanza
// that it does not know fails the test.
//
//	s := whatsapptest.New(t)
//	office := s.Account("212528000001", "90000000000001", "BAOM") // the number that the program is paired with
//	awa := s.Person("33600000002", "90000000000002", "Awa")        // a person with a telephone
//	// start the program with s.HTTPClient(), pair it with office.Scan(qr) or office.Enter(code)
//	awa.Say(office, "bonjour")
//	m := awa.Read()       // the next message
//	awa.Expect("dossier") // reads on until the words come
//
// Whatever waits does so until Patience has passed, then fails the test. Faults are made with Drop, StreamError, Replace,
// Unlink, Refuse, FailSends and the hooks; NewOn and Pipe make all of it run in a bubble of testing/synctest.
//
// Clients trust a certificate authority of this package: whatsmeow keeps its trust root in a variable, and New sets it,
// once for the test program. No other package of the module may assign it, and the program that is released does not
// contain this one; both are checked. What is proven here is that the program works with whatsmeow, not that WhatsApp
// accepts it: that stays a test by hand, with a real number.
package whatsapptest
