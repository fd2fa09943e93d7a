package main

import (
	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orderfb"
	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
)

// flatWriter writes orders as FlatBuffers, in memory that is used again.
type flatWriter struct {
	builder *flatbuffers.Builder
	// items are the offsets of what was written, for the vector that follows it.
	items []flatbuffers.UOffsetT
}

// overFlatBuffers returns the steps over FlatBuffers, which in Go know no check:
// what is read is believed.
func overFlatBuffers(order *orders.Order) (map[string]operation, error) {
	var (
		writer = flatWriter{builder: flatbuffers.NewBuilder(1024)}
		fixed  = flatWriter{builder: flatbuffers.NewBuilder(1024)}
		buf    []byte
		sum    uint64
		loaded *orderfb.OrderT
	)
	encoded := fixed.write(order)
	root := orderfb.GetRootAsOrder(encoded, 0)
	lastSum := func() (uint64, error) { return sum, nil }
	return map[string]operation{
		"encode": {func() error {
			buf = writer.write(order)
			return nil
		}, func() (uint64, error) { return sumOfFlat(orderfb.GetRootAsOrder(buf, 0)), nil }},
		"read": {func() error {
			sum = sumOfFlat(root)
			return nil
		}, lastSum},
		"decode": {func() error {
			loaded = orderfb.GetRootAsOrder(encoded, 0).UnPack()
			return nil
		}, func() (uint64, error) {
			again := flatbuffers.NewBuilder(1024)
			again.Finish(loaded.Pack(again))
			return sumOfFlat(orderfb.GetRootAsOrder(again.FinishedBytes(), 0)), nil
		}},
		"whole": {func() error {
			sum = sumOfFlat(orderfb.GetRootAsOrder(writer.write(order), 0))
			return nil
		}, lastSum},
	}, nil
}

// write returns the order as a FlatBuffer, valid until the next.
func (w *flatWriter) write(order *orders.Order) []byte {
	b := w.builder
	b.Reset()
	customer := b.CreateString(order.Customer)
	note := b.CreateByteVector(order.Note)
	w.items = w.items[:0]
	for i := range order.Items {
		name := b.CreateString(order.Items[i].Name)
		orderfb.ItemStart(b)
		orderfb.ItemAddId(b, order.Items[i].ID)
		orderfb.ItemAddName(b, name)
		w.items = append(w.items, orderfb.ItemEnd(b))
	}
	orderfb.OrderStartItemsVector(b, len(w.items))
	for i := len(w.items) - 1; i >= 0; i-- {
		b.PrependUOffsetT(w.items[i])
	}
	items := b.EndVector(len(w.items))
	kind, payment := w.writePayment(order.Payment)
	orderfb.OrderStart(b)
	orderfb.OrderAddId(b, order.ID)
	orderfb.OrderAddCustomer(b, customer)
	orderfb.OrderAddNote(b, note)
	if limit, ok := order.Limit.Get(); ok {
		orderfb.OrderAddLimit(b, limit)
	}
	orderfb.OrderAddItems(b, items)
	orderfb.OrderAddPaymentType(b, kind)
	orderfb.OrderAddPayment(b, payment)
	b.Finish(orderfb.OrderEnd(b))
	return b.FinishedBytes()
}

func (w *flatWriter) writePayment(
	payment orders.Payment,
) (orderfb.Payment, flatbuffers.UOffsetT) {
	b := w.builder
	switch payment := payment.(type) {
	case orders.PaymentCard:
		orderfb.CardStart(b)
		orderfb.CardAddNumber(b, payment.Value)
		return orderfb.PaymentCard, orderfb.CardEnd(b)
	case orders.PaymentInvoice:
		address := b.CreateString(payment.Value)
		orderfb.InvoiceStart(b)
		orderfb.InvoiceAddAddress(b, address)
		return orderfb.PaymentInvoice, orderfb.InvoiceEnd(b)
	}
	orderfb.CashStart(b)
	return orderfb.PaymentCash, orderfb.CashEnd(b)
}

// sumOfFlat is sumOf of an order in place.
func sumOfFlat(order *orderfb.Order) uint64 {
	sum := order.Id() + ends(order.Customer()) + ends(order.NoteBytes())
	if limit := order.Limit(); limit != nil {
		sum += uint64(*limit)
	}
	var item orderfb.Item
	for i := range order.ItemsLength() {
		if order.Items(&item, i) {
			sum += uint64(item.Id()) + ends(item.Name())
		}
	}
	var payment flatbuffers.Table
	if !order.Payment(&payment) {
		return sum
	}
	switch order.PaymentType() {
	case orderfb.PaymentCard:
		var card orderfb.Card
		card.Init(payment.Bytes, payment.Pos)
		sum += card.Number()
	case orderfb.PaymentInvoice:
		var invoice orderfb.Invoice
		invoice.Init(payment.Bytes, payment.Pos)
		sum += ends(invoice.Address())
	}
	return sum
}
