package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/benches/go-rkyv/orders"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// samples are the bench's orders, and others that take the other branches.
func samples() map[string]*orders.Order {
	cash, invoice := orderOf(3), orderOf(1)
	cash.Payment, cash.Limit, cash.Note = orders.PaymentCash{}, rkyv.None[uint32](), nil
	invoice.Payment = orders.PaymentInvoice{Value: "12 St James's Square"}
	samples := map[string]*orders.Order{"cash": cash, "invoice": invoice}
	for _, items := range []int{0, 2, 16, 1000} {
		samples[strconv.Itoa(items)] = orderOf(items)
	}
	return samples
}

func TestEveryStepOfEveryFormatMakesTheSameMessage(t *testing.T) {
	for name, order := range samples() {
		wanted := sumOf(order)
		for format, make := range formats {
			steps, err := make(order)
			if err != nil {
				t.Fatalf("%s, order %s: %v", format, name, err)
			}
			for step, operation := range steps {
				slice, err := operation.measure(time.Microsecond)
				if err != nil || slice.Sum != wanted || slice.Ns <= 0 {
					t.Errorf("%s of %s, order %s: %+v, %v (sum wanted %d)",
						step, format, name, slice, err, wanted)
				}
			}
		}
	}
}

func TestAnotherMessageHasAnotherSum(t *testing.T) {
	wanted := sumOf(orderOf(2))
	for name, change := range map[string]func(*orders.Order){
		"id":       func(o *orders.Order) { o.ID++ },
		"customer": func(o *orders.Order) { o.Customer = "ada Lovelace, Ockham Park" },
		"note":     func(o *orders.Order) { o.Note[len(o.Note)-1]++ },
		"limit":    func(o *orders.Order) { o.Limit.Value++ },
		"item":     func(o *orders.Order) { o.Items[1].ID++ },
		"name":     func(o *orders.Order) { o.Items[1].Name = "part 000000002" },
		"payment":  func(o *orders.Order) { o.Payment = orders.PaymentCash{} },
	} {
		order := orderOf(2)
		change(order)
		if sumOf(order) == wanted {
			t.Errorf("another %s, and the same sum", name)
		}
	}
}

// The sum that the documentation of sum in benches/src/order.rs promises.
func TestTheSumIsThatOfTheRustHalf(t *testing.T) {
	if sum := sumOf(orderOf(2)); sum != 85_985_529_216_487_727 {
		t.Errorf("sum %d (wanted 85985529216487727)", sum)
	}
}

func TestArchivesAreEncodedCheckedAndReadWithoutAllocations(t *testing.T) {
	steps, err := overRkyv(orderOf(16))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"encode", "check", "read", "whole"} {
		run := steps[step].run
		allocs := testing.AllocsPerRun(100, func() {
			if err := run(); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations (wanted none)", step, allocs)
		}
	}
}

func TestLinesAreAnsweredOrRefused(t *testing.T) {
	b := bench{steps: map[string]map[string]operation{}}
	if answer, err := b.answer([]string{"archive", "2"}); err != nil || len(answer) < 400 {
		t.Errorf("archive: %q, %v", answer, err)
	}
	answer, err := b.answer([]string{"run", "json", "whole", "2", "1"})
	if err != nil || len(answer) == 0 {
		t.Errorf("run: %q, %v", answer, err)
	}
	for _, words := range [][]string{
		{}, {"run"}, {"archive", "x"}, {"run", "rkyv", "read", "2", "x"},
		{"run", "avro", "read", "2", "1"}, {"run", "json", "check", "2", "1"},
	} {
		if answer, err := b.answer(words); err == nil {
			t.Errorf("%q: %q (wanted: an error)", words, answer)
		}
	}
}
