package main

import (
	"slices"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// overRkyv returns the steps over archives: what the generated package does.
func overRkyv(order *orders.Order) (map[string]operation, error) {
	archive, err := rkyv.Marshal(order)
	if err != nil {
		return nil, err
	}
	view, err := orders.ParseOrder(archive)
	if err != nil {
		return nil, err
	}
	var (
		encoder rkyv.Encoder
		sum     uint64
		loaded  orders.Order
		buf     = rkyv.Aligned(slices.Clone(archive))
		length  int
	)
	encode := func() (err error) {
		encoder.Reset(buf)
		order.EncodeArchive(&encoder)
		length, err = encoder.Finish()
		return err
	}
	read := func() error {
		sum = sumOfView(view)
		return nil
	}
	return map[string]operation{
		"encode": {encode, func() (uint64, error) { return sumOfArchive(buf[:length]) }},
		"check": {func() (err error) {
			view, err = orders.ParseOrder(archive)
			return err
		}, func() (uint64, error) { return sumOfView(view), nil }},
		"read": {read, func() (uint64, error) { return sum, nil }},
		"decode": {func() error {
			view, err := orders.ParseOrder(archive)
			if err == nil {
				loaded = view.Load()
			}
			return err
		}, func() (uint64, error) { return sumOf(&loaded), nil }},
		"whole": {func() error {
			err := encode()
			if err == nil {
				sum, err = sumOfArchive(buf[:length])
			}
			return err
		}, func() (uint64, error) { return sum, nil }},
	}, nil
}

// sumOfArchive checks an archive and reads it.
func sumOfArchive(archive []byte) (uint64, error) {
	view, err := orders.ParseOrder(archive)
	if err != nil {
		return 0, err
	}
	return sumOfView(view), nil
}

// sumOfView is sumOf of an order in place.
func sumOfView(order orders.OrderView) uint64 {
	sum := order.ID() + ends(order.CustomerView()) + ends(order.NoteView())
	sum += uint64(order.Limit().Or(0))
	for _, item := range order.Items().All() {
		sum += uint64(item.ID()) + ends(item.NameView())
	}
	payment := order.Payment()
	if card, ok := payment.Card(); ok {
		sum += card.Value()
	} else if invoice, ok := payment.Invoice(); ok {
		sum += ends(invoice.ValueView())
	}
	return sum
}
