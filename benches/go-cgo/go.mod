module github.com/outrigger-ipc/outrigger/benches/go-cgo

go 1.25.0

require github.com/outrigger-ipc/outrigger/benches/go v0.0.0

replace (
	github.com/outrigger-ipc/outrigger/benches/go => ../go
	github.com/outrigger-ipc/outrigger/client-go => ../../client-go
)
