package main

import (
	"google.golang.org/protobuf/proto"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orderpb"
	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
)

// overProtobuf returns the steps over Protocol Buffers, which know no check and no
// reading in place.
func overProtobuf(order *orders.Order) (map[string]operation, error) {
	message := protobufOf(order)
	encoded, err := proto.Marshal(message)
	if err != nil {
		return nil, err
	}
	var (
		buf     []byte
		sum     uint64
		decoded orderpb.Order
	)
	encode := func() (err error) {
		buf, err = proto.MarshalOptions{}.MarshalAppend(buf[:0], message)
		return err
	}
	sumOfBuf := func() (sum uint64, err error) {
		err = proto.Unmarshal(buf, &decoded)
		return sumOfProtobuf(&decoded), err
	}
	return map[string]operation{
		"encode": {encode, sumOfBuf},
		"decode": {
			func() error { return proto.Unmarshal(encoded, &decoded) },
			func() (uint64, error) { return sumOfProtobuf(&decoded), nil },
		},
		"whole": {func() error {
			err := encode()
			if err == nil {
				sum, err = sumOfBuf()
			}
			return err
		}, func() (uint64, error) { return sum, nil }},
	}, nil
}

// protobufOf returns the order as a message of Protocol Buffers.
func protobufOf(order *orders.Order) *orderpb.Order {
	message := &orderpb.Order{Id: order.ID, Customer: order.Customer, Note: order.Note}
	if limit, ok := order.Limit.Get(); ok {
		message.Limit = &limit
	}
	for i := range order.Items {
		item := &orderpb.Item{Id: order.Items[i].ID, Name: order.Items[i].Name}
		message.Items = append(message.Items, item)
	}
	switch payment := order.Payment.(type) {
	case orders.PaymentCash:
		message.Payment = &orderpb.Order_Cash{Cash: &orderpb.Cash{}}
	case orders.PaymentCard:
		card := &orderpb.Card{Number: payment.Value}
		message.Payment = &orderpb.Order_Card{Card: card}
	case orders.PaymentInvoice:
		invoice := &orderpb.Invoice{Address: payment.Value}
		message.Payment = &orderpb.Order_Invoice{Invoice: invoice}
	}
	return message
}

// sumOfProtobuf is sumOf of a message.
func sumOfProtobuf(order *orderpb.Order) uint64 {
	sum := order.GetId() + ends(order.GetCustomer()) + ends(order.GetNote())
	sum += uint64(order.GetLimit())
	for _, item := range order.GetItems() {
		sum += uint64(item.GetId()) + ends(item.GetName())
	}
	switch payment := order.GetPayment().(type) {
	case *orderpb.Order_Card:
		sum += payment.Card.GetNumber()
	case *orderpb.Order_Invoice:
		sum += ends(payment.Invoice.GetAddress())
	}
	return sum
}
