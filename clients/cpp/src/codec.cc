#include "codec.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

namespace warren::client {

grpc::ByteBuffer Encode(const google::protobuf::MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

bool Decode(grpc::ByteBuffer& frame, google::protobuf::MessageLite& message) {
  grpc::ProtoBufferReader reader(&frame);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

}  // namespace warren::client
