package archives

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	outrigger "github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// caller encodes what it gets and answers with an archive without bytes.
type caller struct {
	encoder rkyv.Encoder
	into    []byte

	method  *outrigger.Method
	request rkyv.Encodable
	err     error
}

func (c *caller) Invoke(
	_ context.Context, method *outrigger.Method, request rkyv.Encodable,
) (outrigger.Archive, error) {
	c.method, c.request = method, request
	if c.err != nil || request == nil {
		return outrigger.Archive{}, c.err
	}
	c.encoder.Reset(c.into)
	request.EncodeArchive(&c.encoder)
	_, err := c.encoder.Finish()
	return outrigger.Archive{}, err
}

func TestMethodsCarryTheFingerprintOfTheirSchema(t *testing.T) {
	for _, method := range []*outrigger.Method{
		&methodCook, &methodDrawShape, &methodMix, &methodPing, &methodHTTPGet, &methodName,
	} {
		digest := sha256.Sum256([]byte(method.Schema))
		if [16]byte(digest[:16]) != method.Fingerprint ||
			!strings.HasPrefix(method.Name, "kitchen.") {
			t.Errorf("%s: %x", method.Name, method.Fingerprint)
		}
	}
}

func TestTheClientSendsWhatTheMethodTakes(t *testing.T) {
	ctx, fake := context.Background(), &caller{into: aligned(1024)}
	client := NewClient(fake)
	if err := client.Ping(ctx); err != nil || fake.request != nil || fake.method != &methodPing {
		t.Error(err, fake.request)
	}
	request := &Awkward{Tag: ColorGreen}
	reply, err := client.Name(ctx, request)
	if err != nil || fake.request != rkyv.Encodable(request) || fake.method.Name != "kitchen.name" {
		t.Error(err, fake.request)
	}
	reply.Release()
	reply.Release()
	if _, err := client.Mix(ctx, Color(9)); !errors.Is(err, rkyv.ErrEncode) {
		t.Error(err)
	}
	_, err = client.DrawShape(ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "Shape is nil") {
		t.Error(err)
	}
	_, err = client.Cook(ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "Kitchen is nil") {
		t.Error(err)
	}
}

func TestTheClientBuildsWhatTheMethodTakes(t *testing.T) {
	ctx, fake := context.Background(), &caller{into: aligned(1024)}
	client := NewClient(fake)
	build := func(shape ShapeBuilder) { shape.BeginCircle().SetValue(1.5) }
	_, err := client.BuildDrawShape(ctx, build) // the reply is no Shape
	want, _ := rkyv.Marshal(ShapeCircle{Value: 1.5})
	if fake.method != &methodDrawShape || !bytes.Equal(fake.into[:len(want)], want) {
		t.Errorf("%x, %v", fake.into[:len(want)], err)
	}
	_, err = client.BuildName(ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "Awkward is nil") {
		t.Error(err)
	}
	_, err = client.BuildName(ctx, func(name AwkwardBuilder) { name.SetType(1) })
	if !errors.Is(err, rkyv.ErrEncode) || !strings.Contains(err.Error(), "Awkward without err") {
		t.Error(err)
	}
}

func TestAReplyThatIsNoArchiveOfItsTypeIsAnError(t *testing.T) {
	client := NewClient(&caller{into: aligned(1024)})
	_, err := client.HTTPGet(context.Background(), &Scalars{})
	if err == nil || !strings.Contains(err.Error(), "kitchen.http_get") {
		t.Error(err)
	}
	gone := errors.New("gone")
	client = NewClient(&caller{err: gone})
	if _, err := client.Cook(context.Background(), &Kitchen{}); err != gone {
		t.Error(err)
	}
}

func TestACallAllocatesNothing(t *testing.T) {
	ctx, client := context.Background(), NewClient(&caller{into: aligned(1024)})
	request := &Awkward{Tag: ColorGreen, Name: "a name that is not in line"}
	allocations := testing.AllocsPerRun(100, func() {
		reply, err := client.Name(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		reply.Release()
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
