package encryption

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The metadata of an encrypted payload, as Temporal's samples name them. The Web UI shows them.
const (
	encoding    = "binary/encrypted"
	keyMetadata = "encryption-key-id"
	// unreadable is the encoding of a payload that cannot be decrypted, with the reason. An error would be retried for ever; an
	// unknown encoding fails what needs the payload, and its error contains this text.
	unreadable = "cannot-be-decrypted: "
)

// Codecs returns the codec of payloads. It leaves those that are not encrypted as they are. Without keys there is none.
func (k *Keys) Codecs() []converter.PayloadCodec {
	if k == nil {
		return nil
	}
	return []converter.PayloadCodec{codec{k}}
}

type codec struct{ keys *Keys }

// Encode implements converter.PayloadCodec.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		data, err := proto.Marshal(payload)
		if err != nil {
			return nil, err
		}
		sealed := c.keys.Encrypt(Payload, data, "")
		encoded[i] = &commonpb.Payload{Data: sealed, Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(encoding), keyMetadata: sealed[len(mark) : len(mark)+idLength],
		}}
	}
	return encoded, nil
}

// Decode implements converter.PayloadCodec.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		decoded[i] = payload
		if string(payload.GetMetadata()[converter.MetadataEncoding]) != encoding {
			continue
		}
		data, err := c.keys.Decrypt(Payload, payload.GetData(), "")
		if err == nil {
			decoded[i] = &commonpb.Payload{}
			err = proto.Unmarshal(data, decoded[i])
		}
		if err != nil {
			decoded[i] = &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(unreadable + reason(err))}}
		}
	}
	return decoded, nil
}

func reason(err error) string {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known.Message
	}
	return err.Error()
}

// Interceptors make a client encrypt all that it sends to Temporal, except names, ids and search attributes, and decrypt what it
// gets: in the calls themselves, because those who read histories need it as much as workers. Large payloads are in the result
// store by then, which encrypts them itself and stores equal ones once. Without keys, what is encrypted becomes payloads whose
// error says which key is missing.
func (k *Keys) Interceptors() ([]grpc.DialOption, error) {
	if k == nil {
		explain, err := proxy.NewPayloadVisitorInterceptor(proxy.PayloadVisitorInterceptorOptions{Inbound: &proxy.VisitPayloadsOptions{
			Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
				return codec{}.Decode(payloads)
			},
			SkipSearchAttributes: true,
		}})
		return []grpc.DialOption{grpc.WithChainUnaryInterceptor(explain)}, err
	}
	failures, err := converter.NewFailureGRPCClientInterceptor(converter.NewFailureGRPCClientInterceptorOptions{EncodeCommonAttributes: true})
	if err != nil {
		return nil, err
	}
	payloads, err := converter.NewPayloadCodecGRPCClientInterceptor(converter.PayloadCodecGRPCClientInterceptorOptions{Codecs: k.Codecs()})
	if err != nil {
		return nil, err
	}
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(copyRequest, failures, payloads)}, nil
}

// copyRequest passes a copy on: the interceptors after it change requests, and a call that is retried comes here again with the
// same one.
func copyRequest(ctx context.Context, method string, request, response any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if message, is := request.(proto.Message); is {
		request = proto.Clone(message)
	}
	return invoke(ctx, method, request, response, conn, options...)
}
