module github.com/outrigger-ipc/outrigger/benches/go

go 1.25.0

require (
	github.com/outrigger-ipc/outrigger/client-go v0.0.0
	golang.org/x/sys v0.47.0
)

replace github.com/outrigger-ipc/outrigger/client-go => ../../client-go
