package main

import (
	"fmt"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// orderOf returns the order of so many items, as Order::of in benches/src/order.rs
// does: its archive is the same, and bench-rkyv compares them.
func orderOf(items int) *orders.Order {
	order := &orders.Order{
		ID:       0x0123_4567_89ab_cdef,
		Customer: "Ada Lovelace, Ockham Park",
		Note:     make([]byte, 48+10*min(items, 64)),
		Limit:    rkyv.Some(uint32(items)),
		Items:    make([]orders.Item, items),
		Payment:  orders.PaymentCard{Value: 4_000_000_000_000_002},
	}
	for i := range order.Note {
		order.Note[i] = byte(7 * i)
	}
	for i := range order.Items {
		order.Items[i] = orders.Item{ID: uint32(i), Name: fmt.Sprintf("part %09d", i)}
	}
	return order
}

// sumOf adds up all numbers, and of each text and of the bytes the length, the first
// and the last byte, as sum in benches/src/order.rs does.
func sumOf(order *orders.Order) uint64 {
	sum := order.ID + ends(order.Customer) + ends(order.Note) + uint64(order.Limit.Or(0))
	for i := range order.Items {
		item := &order.Items[i]
		sum += uint64(item.ID) + ends(item.Name)
	}
	switch payment := order.Payment.(type) {
	case orders.PaymentCard:
		sum += payment.Value
	case orders.PaymentInvoice:
		sum += ends(payment.Value)
	}
	return sum
}

func ends[T string | []byte](text T) uint64 {
	if len(text) == 0 {
		return 0
	}
	return uint64(len(text)) + uint64(text[0]) + uint64(text[len(text)-1])
}
