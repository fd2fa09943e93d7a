package archives

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

func TestAnOlderArchiveReadsAsNoneInWhatCameLater(t *testing.T) {
	archive, err := rkyv.Marshal(&Visit1{Name: "out of line, for once", Mood: Mood1Calm{}})
	if err != nil {
		t.Fatal(err)
	}
	archive[len(archive)-4-3] = 1 // what fills Visit1 up, and is Late in Visit3
	view, err := ParseVisit3(archive)
	if err != nil {
		t.Fatal(err)
	}
	if view.Name() != "out of line, for once" || view.Mood().Tag() != Mood2TagCalm {
		t.Error(view.Load())
	}
	if view.Late().Valid || view.Guests().Valid || view.Count().Valid {
		t.Error(view.Load())
	}
}

func TestANewerArchiveReadsAsFarAsTheOlderReaderKnows(t *testing.T) {
	newer := &Visit3{
		Name: "out of line, for once", Rooms: []uint64{1, 2}, Mood: Mood2Calm{}, Quiet: true,
		Late: rkyv.Some(true), Guests: rkyv.Some([]string{"a", "somebody else"}),
		Count: rkyv.Some(new(uint64)),
	}
	archive, err := rkyv.Marshal(newer)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ParseVisit1(archive)
	if err != nil || len(first.Rooms()) != 2 || !first.Quiet() {
		t.Error(err)
	}
	second, err := ParseVisit2(archive)
	if err != nil || second.Guests().Value.At(1) != "somebody else" {
		t.Error(err)
	}
}

func TestAnUnknownVariantIsRefusedWithTheKnownOnes(t *testing.T) {
	archive, _ := rkyv.Marshal(Mood2Asleep{})
	_, err := ParseMood1(archive)
	if err == nil || !strings.HasSuffix(err.Error(), "tag of Mood1 2 (allowed 0, 1)") {
		t.Error(err)
	}
}

func TestReadingEqualAndNewerVersionsAllocatesNothing(t *testing.T) {
	archive, _ := rkyv.Marshal(&Visit3{Mood: Mood2Calm{}, Late: rkyv.Some(true)})
	sum := 0
	allocations := testing.AllocsPerRun(100, func() {
		third, err3 := ParseVisit3(archive)
		second, err2 := ParseVisit2(archive)
		if err2 != nil || err3 != nil {
			t.Fatal(err2, err3)
		}
		sum += len(third.NameView()) + len(second.NameView())
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// FuzzUpgrade looks for archives that an older and a newer reader take for different
// messages, and for panics.
func FuzzUpgrade(f *testing.F) {
	for _, message := range []rkyv.Encodable{
		&Visit1{Name: "out of line, for once", Mood: Mood1Calm{}},
		&Visit2{Mood: Mood2Asleep{}, Guests: rkyv.Some([]string{"a"})},
		&Visit3{Mood: Mood2Calm{}, Count: rkyv.Some(new(uint64))},
	} {
		archive, err := rkyv.Marshal(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		third, err3 := ParseVisit3(archive)
		second, err2 := ParseVisit2(archive)
		if err3 == nil && err2 == nil && third.Name() != second.Name() {
			t.Errorf("%q and %q", third.Name(), second.Name())
		}
		if err3 == nil {
			if _, err := rkyv.Marshal(pointer(third.Load())); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestABuilderWritesWhatTheStructEncodes(t *testing.T) {
	visit := &Visit2{
		Name: "out of line, for once", Rooms: []uint64{1, 2}, Mood: Mood2Asleep{}, Quiet: true,
		Guests: rkyv.Some([]string{"a", "somebody else"}),
	}
	want, err := rkyv.Marshal(visit)
	if err != nil {
		t.Fatal(err)
	}
	var encoder rkyv.Encoder
	into := aligned(len(want))
	encoder.Reset(into)
	b := BuildVisit2(&encoder)
	b.SetName(visit.Name)
	b.SetRooms(visit.Rooms)
	b.BeginMood().SetAsleep()
	b.SetQuiet(visit.Quiet)
	b.SetLate(visit.Late)
	guests := b.BeginGuests()
	for _, guest := range visit.Guests.Value {
		guests.Add(guest)
	}
	if n, err := encoder.Finish(); err != nil || !bytes.Equal(into[:n], want) {
		t.Errorf("%v\n got %x\nwant %x", err, into[:n], want)
	}
	encoder.Reset(into[:8])
	BuildVisit2(&encoder)
	BuildVisit2(&encoder)
	if _, err := encoder.Finish(); !errors.Is(err, rkyv.ErrEncode) {
		t.Error(err)
	}
}
