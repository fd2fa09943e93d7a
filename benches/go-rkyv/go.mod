module github.com/outrigger-ipc/outrigger/benches/go-rkyv

go 1.25.0

require (
	github.com/google/flatbuffers v25.12.19+incompatible
	github.com/outrigger-ipc/outrigger/client-go v0.0.0
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/outrigger-ipc/outrigger/client-go => ../../client-go

tool google.golang.org/protobuf/cmd/protoc-gen-go
