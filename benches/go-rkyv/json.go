package main

import (
	"bytes"
	"encoding/json"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
)

// jsonOrder is an order as JSON has it: bytes as base64, a choice as an object with
// one key.
type jsonOrder struct {
	ID       uint64      `json:"id"`
	Customer string      `json:"customer"`
	Note     []byte      `json:"note"`
	Limit    *uint32     `json:"limit"`
	Items    []jsonItem  `json:"items"`
	Payment  jsonPayment `json:"payment"`
}

type jsonItem struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
}

// jsonPayment is one of these, or none for cash.
type jsonPayment struct {
	Card    *uint64 `json:"card,omitempty"`
	Invoice *string `json:"invoice,omitempty"`
}

// overJSON returns the steps over encoding/json, which knows no reading in place.
func overJSON(order *orders.Order) (map[string]operation, error) {
	message := jsonOf(order)
	encoded, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	var (
		buf     bytes.Buffer
		sum     uint64
		decoded jsonOrder
	)
	encoder := json.NewEncoder(&buf)
	encode := func() error {
		buf.Reset()
		return encoder.Encode(message)
	}
	sumOfBuf := func() (uint64, error) {
		decoded = jsonOrder{}
		err := json.Unmarshal(buf.Bytes(), &decoded)
		return sumOfJSON(&decoded), err
	}
	return map[string]operation{
		"encode": {encode, sumOfBuf},
		"decode": {func() error {
			decoded = jsonOrder{}
			return json.Unmarshal(encoded, &decoded)
		}, func() (uint64, error) { return sumOfJSON(&decoded), nil }},
		"whole": {func() error {
			err := encode()
			if err == nil {
				sum, err = sumOfBuf()
			}
			return err
		}, func() (uint64, error) { return sum, nil }},
	}, nil
}

// jsonOf returns the order as JSON has it.
func jsonOf(order *orders.Order) *jsonOrder {
	message := &jsonOrder{ID: order.ID, Customer: order.Customer, Note: order.Note}
	if limit, ok := order.Limit.Get(); ok {
		message.Limit = &limit
	}
	for i := range order.Items {
		item := jsonItem{order.Items[i].ID, order.Items[i].Name}
		message.Items = append(message.Items, item)
	}
	switch payment := order.Payment.(type) {
	case orders.PaymentCard:
		message.Payment.Card = &payment.Value
	case orders.PaymentInvoice:
		message.Payment.Invoice = &payment.Value
	}
	return message
}

// sumOfJSON is sumOf of what was decoded.
func sumOfJSON(order *jsonOrder) uint64 {
	sum := order.ID + ends(order.Customer) + ends(order.Note)
	if order.Limit != nil {
		sum += uint64(*order.Limit)
	}
	for i := range order.Items {
		sum += uint64(order.Items[i].ID) + ends(order.Items[i].Name)
	}
	if order.Payment.Card != nil {
		sum += *order.Payment.Card
	}
	if order.Payment.Invoice != nil {
		sum += ends(*order.Payment.Invoice)
	}
	return sum
}
