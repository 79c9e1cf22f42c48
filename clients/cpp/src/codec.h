// Frames of a stream as bytes, for the messages that are small or rare enough to be built as
// objects first. Pure functions; thread-safe.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

namespace warren::client {

grpc::ByteBuffer Encode(const google::protobuf::MessageLite& message);

// False if the bytes are no such message.
bool Decode(grpc::ByteBuffer& frame, google::protobuf::MessageLite& message);

}  // namespace warren::client
